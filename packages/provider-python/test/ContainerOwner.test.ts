import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as ContainerOwner from "../src/ContainerOwner.ts"

const own = () => ContainerOwner.labels("/tmp/gleitzeit-python-abc")
const orphan = (labels: { readonly [name: string]: string }) =>
  ContainerOwner.isOrphan({ id: "abc", running: true, labels })

const owner = `${ContainerOwner.label.name}.owner`

describe.skipIf(process.platform !== "linux")("a container", () => {
  it("belongs to the process that has made it while that lives", () => {
    assert.isFalse(orphan(own()))
  })

  it("is left behind when that process is gone, or its number is another's", () => {
    const { pid } = spawnSync(process.execPath, ["--version"])
    assert.isTrue(orphan({ ...own(), [owner]: `${pid} 1` }))
    assert.isTrue(orphan({ ...own(), [owner]: `${process.pid} 1` }))
  })

  it("is left alone when it is another machine's, or says nothing that can be read", () => {
    const dead = { ...own(), [owner]: "1 0" }
    assert.isTrue(orphan(dead))
    assert.isFalse(orphan({ ...dead, [`${ContainerOwner.label.name}.space`]: "another" }))
    for (const words of ["", "1", "x 1", "1/../2 3", " "]) assert.isFalse(orphan({ ...dead, [owner]: words }), words)
    assert.isFalse(orphan({ ...dead, [ContainerOwner.label.name]: "another" }))
    assert.isFalse(orphan({}))
  })
})
