import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { platform } from "node:os"
import { Owner } from "../src/index.ts"

/** An id with some of its parts replaced. */
const changed = (owner: string, parts: { readonly [place: number]: string }) =>
  owner
    .split(":")
    .map((part, place) => parts[place] ?? part)
    .join(":")

describe("Owner", () => {
  it.effect("names this process by host, boot, number and start, the same each time", () =>
    Effect.gen(function* () {
      const owner = yield* Owner.current
      const [host, boot, pid, start, ...rest] = owner.split(":")
      assert.deepStrictEqual([pid, rest], [String(process.pid), []])
      for (const part of [host, boot, start]) assert.isNotEmpty(part)
      assert.strictEqual(yield* Owner.current, owner)
      assert.isTrue(Owner.isAlive(owner))
    })
  )

  it.effect("a process of this host that has ended is not alive", () =>
    Effect.gen(function* () {
      const { pid } = spawnSync(process.execPath, ["--version"])
      assert.isFalse(Owner.isAlive(changed(yield* Owner.current, { 2: String(pid) })))
    })
  )

  it.effect("a process of another host or an earlier boot is taken to be alive", () =>
    Effect.gen(function* () {
      const { pid } = spawnSync(process.execPath, ["--version"])
      const owner = changed(yield* Owner.current, { 2: String(pid) })
      assert.isTrue(Owner.isAlive(changed(owner, { 0: "elsewhere" })))
      assert.isTrue(Owner.isAlive(changed(owner, { 1: "earlier" })))
    })
  )

  it.effect.skipIf(platform() !== "linux")("a process with the number of one that has ended is not taken for it", () =>
    Effect.gen(function* () {
      assert.isFalse(Owner.isAlive(changed(yield* Owner.current, { 3: "1" })))
    })
  )

  it.effect("an id of another form is taken to be alive", () =>
    Effect.gen(function* () {
      const owner = yield* Owner.current
      const others = ["", "me", "a:b:c:d", `${owner}:more`, owner.split(":").slice(0, 3).join(":")]
      for (const other of [
        ...others,
        changed(owner, { 2: "x" }),
        changed(owner, { 2: "-1" }),
        changed(owner, { 2: "0" })
      ]) {
        assert.isTrue(Owner.isAlive(other), other)
      }
    })
  )
})
