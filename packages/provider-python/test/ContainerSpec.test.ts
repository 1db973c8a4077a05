import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as ContainerPool from "../src/ContainerPool.ts"
import * as ContainerSpec from "../src/ContainerSpec.ts"

const spec: ContainerSpec.Spec = {
  ...ContainerPool.defaults.limits,
  image: "python:3.13-slim",
  python: "python3",
  sources: "/srv/sources",
  readable: ["/srv/data"]
}

const occasion = { socket: "/tmp/folder/tasks", token: "token", labels: { owner: "1 2" } }

const hostConfig = (change: Partial<ContainerSpec.Spec> = {}) => {
  const { HostConfig } = ContainerSpec.body({ ...spec, ...change }, occasion)
  return Schema.decodeUnknownSync(Schema.Record(Schema.String, Schema.Json))(HostConfig)
}

describe("what a container is made of", () => {
  it("is the image, with the zygote as its first process under a user who owns nothing", () => {
    const { Cmd, Entrypoint, Image, Labels, User } = ContainerSpec.body(spec, occasion)
    assert.strictEqual(Image, "python:3.13-slim")
    assert.strictEqual(User, "65534:65534")
    assert.deepStrictEqual(Labels, { owner: "1 2" })
    assert.deepStrictEqual(Cmd, [])
    const line = Schema.decodeUnknownSync(Schema.Array(Schema.String))(Entrypoint)
    assert.strictEqual(line[0], "python3")
    assert.deepStrictEqual(line.slice(-3), ["/opt/gleitzeit", "/run/gleitzeit/tasks", "token"])
  })

  it("has no network, no capability, no way to more rights, and nothing to write to but /tmp", () => {
    const config = hostConfig()
    assert.strictEqual(config["NetworkMode"], "none")
    assert.strictEqual(config["ReadonlyRootfs"], true)
    assert.strictEqual(config["Privileged"], false)
    assert.deepStrictEqual(config["CapDrop"], ["ALL"])
    assert.include(JSON.stringify(config["SecurityOpt"]), "no-new-privileges")
    const tmpfs = Schema.decodeUnknownSync(Schema.Record(Schema.String, Schema.String))(config["Tmpfs"])
    const writable = Object.entries(tmpfs).filter(([, options]) => !options.startsWith("ro,"))
    assert.deepStrictEqual(
      writable.map(([folder]) => folder),
      ["/tmp"]
    )
    assert.deepStrictEqual(config["Mounts"], [
      { Type: "bind", Source: "/tmp/folder/tasks", Target: "/run/gleitzeit/tasks", ReadOnly: true },
      { Type: "bind", Source: "/srv/sources", Target: "/opt/gleitzeit", ReadOnly: true },
      { Type: "bind", Source: "/srv/data", Target: "/srv/data", ReadOnly: true }
    ])
  })

  it("has its limits, and no swap beside its memory", () => {
    const config = hostConfig({ memory: 64 * 1024 ** 2, cpus: 0.5, processes: 7, scratch: 1024 ** 2 })
    assert.strictEqual(config["Memory"], 96 * 1024 ** 2)
    assert.strictEqual(config["MemorySwap"], 96 * 1024 ** 2)
    assert.strictEqual(config["NanoCpus"], 500_000_000)
    assert.strictEqual(config["PidsLimit"], 9)
    assert.include(JSON.stringify(config["Tmpfs"]), "size=1048576")
  })
})

describe("the environment of a task", () => {
  it("is the image's, with folders that are there, and its own before both", () => {
    const image = { PATH: "/usr/bin", HOME: "/root", LANG: "C" }
    assert.deepStrictEqual(ContainerSpec.environment(image, { LANG: "C.UTF-8", A: "1" }), {
      PATH: "/usr/bin",
      HOME: "/tmp",
      TMPDIR: "/tmp",
      LANG: "C.UTF-8",
      A: "1"
    })
  })
})

describe("a folder to be read", () => {
  it("is refused where it would hide what the container has of its own, or lie within that", () => {
    for (const folder of ["/", "/tmp", "/var", "/run", "/opt", "/proc", "/var/tmp"]) {
      assert.include(ContainerSpec.unshareable(folder), "would be hidden by it", folder)
    }
    for (const folder of ["/proc/1", "/dev/shm", "/run/gleitzeit/a", "/opt/gleitzeit/a"]) {
      assert.include(ContainerSpec.unshareable(folder), "is the container's own", folder)
    }
    for (const folder of ["/usr", "/etc", "/usr/local/lib"]) {
      assert.include(ContainerSpec.unshareable(folder), "programs", folder)
    }
    for (const folder of [
      "/srv",
      "/srv/a:b",
      "/tmp/a",
      "/tmpfs",
      "/opt/gleitzeit-data",
      "/home/me/flows",
      "/usr/share/flows"
    ]) {
      assert.isUndefined(ContainerSpec.unshareable(folder), folder)
    }
  })
})

describe("the name of an image", () => {
  it("is a name and nothing else", () => {
    for (const name of ["python", "python:3.13-slim", "docker.io/library/python:3.13-slim", "a.b:5000/c@sha256:0f"]) {
      assert.isTrue(ContainerSpec.isImage(name), name)
    }
    for (const name of ["", "/python", "a/../../containers", "-v", "a b", "a?b=c", "python/", "a//b", "a\nb", "a#b"]) {
      assert.isFalse(ContainerSpec.isImage(name), JSON.stringify(name))
    }
  })
})
