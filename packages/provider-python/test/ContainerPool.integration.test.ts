/**
 * Against a real engine: `GLEITZEIT_TEST_DOCKER_HOST`, or the one that is found, with an image that is there.
 * `fixtures/container` has what makes both where podman is.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Result, Schema, Scope } from "effect"
import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ContainerEngine from "../src/ContainerEngine.ts"
import * as ContainerHost from "../src/ContainerHost.ts"
import * as ContainerOwner from "../src/ContainerOwner.ts"
import type { Pool } from "../src/ContainerPool.ts"
import * as Containers from "./Containers.ts"
import { PythonProvider } from "../src/index.ts"
import { call } from "./Tasks.ts"

const found = await Effect.runPromise(Effect.result(Containers.engine))
const missing = Containers.missing(found)
const used = Result.isSuccess(found) ? found.success : { host: "/nowhere", image: "" }
const engine = ContainerEngine.make(used.host.slice("unix://".length))

/** One for the tests that do no harm to it. */
const scope = Effect.runSync(Scope.make())
const shared = Effect.runSync(Scope.provide(Containers.pool(used), scope))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const name = "import os; result = os.uname().nodename"

/** Those of this process, or of another. */
const containers = (pid: number) =>
  Effect.map(engine.list(`${ContainerOwner.label.name}=${ContainerOwner.label.value}`), (all) =>
    all.filter(({ labels }) => labels[`${ContainerOwner.label.name}.owner`]?.startsWith(`${pid} `) === true)
  )

const tagOf = (error: object) => ("_tag" in error ? error._tag : undefined)
const reasonOf = (error: object) => ("reason" in error ? String(error.reason) : "")

const resultIn = (value: Schema.Json) => Schema.decodeUnknownSync(Schema.Struct({ result: Schema.Json }))(value).result

const text = Schema.decodeUnknownSync(Schema.String)

/** A task that is under way, and the name of its container. */
const begun = (pool: Pool) =>
  Effect.gen(function* () {
    const said = yield* Deferred.make<string>()
    const fiber = yield* Effect.forkChild(
      Containers.run(pool, "import os, time\nprint(os.uname().nodename)\ntime.sleep(60)", {
        emit: (chunk) => {
          if (chunk._tag === "Log") Deferred.doneUnsafe(said, Effect.succeed(chunk.message))
        }
      })
    )
    return { fiber, container: yield* Deferred.await(said) }
  })

describe.skipIf(missing !== "")(`a container${missing}`, () => {
  it.live("has another user, no network, no capability, and nothing to write to but /tmp", () =>
    Effect.gen(function* () {
      const code = `
import os, re
writable = []
for folder, inner, _ in os.walk("/"):
    if folder == "/proc":
        inner.clear()
    elif os.access(folder, os.W_OK):
        writable.append(folder)
status = open("/proc/self/status").read()
of = lambda name: re.search(name + r":\\s*(\\w+)", status)[1]
result = {
    "user": [os.getuid(), os.getgid()],
    "network": sorted(os.listdir("/sys/class/net")),
    # that of messages is there, and cleared as well
    "writable": sorted(set(writable) - {"/dev/mqueue"}),
    "capabilities": [of("CapEff"), of("CapBnd"), of("NoNewPrivs")],
    "first": os.getppid(),
    "env": os.environ["HOME"] + os.environ["OWN"],
    "cwd": os.getcwd(),
}`
      assert.deepStrictEqual(yield* Containers.run(shared, code, { env: { OWN: "/own" } }), {
        user: [65534, 65534],
        network: ["lo"],
        writable: ["/tmp"],
        capabilities: ["0000000000000000", "0000000000000000", "1"],
        first: 1,
        env: "/tmp/own",
        cwd: "/tmp"
      })
    })
  )

  it.live("has the level strict inside", () =>
    Effect.gen(function* () {
      const code = `
import os, socket
def refused(what):
    try:
        what()
    except OSError:
        return True
open("/tmp/y", "w").close()
result = [refused(lambda: socket.socket(socket.AF_UNIX)), refused(lambda: os.listdir("/etc")), os.listdir("/tmp")]`
      assert.deepStrictEqual(yield* Containers.run(shared, code, { level: "strict" }), [true, true, ["y"]])
    })
  )

  it.live("stays warm, and has no file of the task before", () =>
    Effect.gen(function* () {
      const deep = `
import os
result = os.uname().nodename
os.symlink("/etc", "/tmp/link")
for _ in range(300):
    os.mkdir("d" * 20)
    os.chdir("d" * 20)
open("f", "w").close()
os.chmod(".", 0)
os.chmod("/tmp/" + "d" * 20, 0)`
      const first = yield* Containers.run(shared, deep)
      const second = yield* Containers.run(shared, "import os\nresult = [os.uname().nodename, os.listdir('/tmp')]")
      assert.deepStrictEqual(second, [first, []])
    })
  )

  it.live("shows folders that are named, to be read", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-test:"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      writeFileSync(join(folder, "a.txt"), "hello")
      chmodSync(folder, 0o755)
      const code = `
path = ${JSON.stringify(join(folder, "a.txt"))}
result = [open(path).read()]
try:
    open(path, "a")
except OSError as error:
    result.append(error.errno)`
      const need = { readable: [folder] }
      const level = "strict" as const
      // a second time: what is shared is not cleared away
      for (const time of [1, 2]) {
        const [text, error] = Schema.decodeUnknownSync(Schema.Array(Schema.Json))(
          yield* Containers.run(shared, code, { need, level })
        )
        assert.strictEqual(text, "hello", `${time}`)
        assert.isNumber(error)
      }
      const wrong = yield* Effect.flip(Containers.run(shared, code, { need: { readable: ["/proc"] } }))
      assert.include(reasonOf(wrong), "cannot be shared with a container")
    })
  )

  it.live("kills what holds more than its memory, and goes on", () =>
    Effect.gen(function* () {
      const need = { limits: { memory: 48 * 1024 ** 2 } }
      const before = yield* Containers.run(shared, name, { need })
      const failure = yield* Effect.flip(Containers.run(shared, "x = bytearray(200 << 20)", { need }))
      assert.include(failure.message, "SIGKILL")
      assert.strictEqual(yield* Containers.run(shared, name, { need }), before)
    })
  )

  it.live("has no more processes than it may, and none of a task that has ended", () =>
    Effect.gen(function* () {
      const need = { limits: { processes: 12 } }
      const code = `
import os, time
result = 0
try:
    while True:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        result += 1
except OSError:
    pass`
      const count = yield* Containers.run(shared, code, { need })
      assert.strictEqual(count, 12)
      const left =
        "import os\nresult = [name for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]"
      assert.deepStrictEqual(yield* Containers.run(shared, left, { need }), ["1"])
    })
  )
})

describe.skipIf(missing !== "")(`a pool of containers${missing}`, () => {
  it.live("gives each of the tasks at once its own, up to as many as it may, and removes them with its end", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* Containers.pool(used)
          const before = (yield* containers(process.pid)).length
          const same = { concurrency: "unbounded" } as const
          const names = yield* Effect.forEach([1, 2, 3, 4], () => Containers.run(pool, name), same)
          assert.strictEqual(new Set(names).size, 2)
          // of another kind: one of the two makes room
          const third = yield* Containers.run(pool, name, { need: { limits: { processes: 20 } } })
          assert.notInclude(names, third)
          assert.strictEqual((yield* containers(process.pid)).length, before + 2)
        })
      )
      const left = yield* containers(process.pid)
      assert.isAtMost(left.length, 2)
    })
  )

  it.live("loses the task of a container that dies, so that it may be tried again, and gives the next another", () =>
    Effect.gen(function* () {
      const pool = yield* Containers.pool(used)
      const { container, fiber } = yield* begun(pool)
      yield* Containers.kill(used, container)
      const lost = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(tagOf(lost), "Lost")
      assert.include(reasonOf(lost), "ended with exit code 137")
      assert.include(reasonOf(lost), "more than its memory of 512 MiB")
      const next = text(yield* Containers.run(pool, name))
      assert.notStrictEqual(next, container)
      // also one that dies while nobody uses it
      yield* engine.remove(next)
      yield* Effect.retry(Containers.run(pool, name), { times: 1 })
    })
  )

  it.live("removes the container of a task that is interrupted", () =>
    Effect.gen(function* () {
      const pool = yield* Containers.pool(used)
      const { container, fiber } = yield* begun(pool)
      yield* Fiber.interrupt(fiber)
      const ids = (yield* containers(process.pid)).map(({ id }) => id.slice(0, 12))
      assert.notInclude(ids, container)
    })
  )

  it.live("says what does not start", () =>
    Effect.gen(function* () {
      const pool = yield* Containers.pool(used, { python: "no-such-python" })
      const failure = yield* Effect.flip(Containers.run(pool, name))
      assert.strictEqual(tagOf(failure), "NotStarted")
      assert.include(reasonOf(failure), "no-such-python")
    })
  )

  it.live("pulls nothing, and names the command that does", () =>
    Effect.gen(function* () {
      const pool = yield* Containers.pool(used, { image: "localhost/no/such:image" })
      const { program } = yield* ContainerHost.find(used.host)
      const reason = yield* pool.lacking
      assert.include(reason, `nothing is pulled by itself: ${program} pull localhost/no/such:image`)
    })
  )

  it.live("removes what a killed process has left behind, and leaves alone what is another's", () =>
    Effect.gen(function* () {
      yield* Containers.run(shared, name)
      const fixture = join(import.meta.dirname, "fixtures/container/owner.ts")
      const owner = spawn(process.execPath, ["--conditions=gz-source", fixture, used.host, used.image], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const container = yield* Effect.callback<string>((resume) => {
        owner.stdout.once("data", (bytes: Buffer) => resume(Effect.succeed(bytes.toString().trim())))
      })
      const pid = owner.pid ?? 0
      const left = yield* containers(pid)
      assert.deepStrictEqual(
        left.map(({ id }) => id.slice(0, 12)),
        [container]
      )
      const folder = left[0]?.labels[`${ContainerOwner.label.name}.folder`] ?? ""
      assert.isTrue(existsSync(folder))
      yield* Effect.callback<void>((resume) => {
        owner.once("exit", () => resume(Effect.void))
        owner.kill("SIGKILL")
      })
      // it ends by itself
      assert.strictEqual(yield* engine.wait(container), 0)
      const mine = yield* containers(process.pid)
      assert.isNotEmpty(mine)
      assert.strictEqual(yield* (yield* Containers.pool(used)).lacking, undefined)
      assert.deepStrictEqual(yield* containers(pid), [])
      assert.isFalse(existsSync(folder))
      assert.strictEqual((yield* containers(process.pid)).length, mine.length)
    })
  )
})

describe.skipIf(missing !== "")(`the level container${missing}`, () => {
  it.live("runs code and files, with a folder to work in", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-test-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      writeFileSync(join(folder, "beside.py"), "value = 6")
      writeFileSync(join(folder, "task.py"), "import beside, os\nresult = [beside.value * args['n'], os.getuid()]")
      const provider = yield* PythonProvider.make({ sandbox: "container", container: used })
      const task = (params: Schema.JsonObject) => Effect.map(call(provider, "python/execute", params), resultIn)
      const closed = yield* Effect.flip(task({ file: join(folder, "task.py") }))
      assert.include(closed.message, `chmod o+rx ${folder}`)
      chmodSync(folder, 0o755)
      assert.deepStrictEqual(yield* task({ file: join(folder, "task.py"), args: { n: 7 } }), [42, 65534])
      assert.deepStrictEqual(yield* task({ code: "import os; result = sorted(os.listdir())", cwd: folder }), [
        "beside.py",
        "task.py"
      ])
      const failure = yield* Effect.flip(task({ code: "x = bytearray(200 << 20)", max_memory: "64M" }))
      assert.include(failure.message, "MemoryError")
      assert.strictEqual(JSON.stringify(yield* provider.health).includes('"container":null'), true)
    })
  )
})
