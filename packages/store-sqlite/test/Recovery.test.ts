/** Processes that take up what nobody drives, on one file: each run is driven once, also when one of them is killed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { start } from "./child.ts"
import { folder } from "./folder.ts"

const runs = 40

const calls = (log: string) => readFileSync(log, "utf8").split("\n").filter(Boolean)

const world = Effect.gen(function* () {
  const place = yield* folder
  const [filename, log] = [join(place, "x.db"), join(place, "calls")]
  const { code, stderr } = yield* (yield* start("recover.ts", [filename, log, "make", String(runs)])).end
  assert.deepStrictEqual([code, stderr], [0, ""])
  const drivers = yield* Effect.all([0, 1].map(() => start("recover.ts", [filename, log, "drive"])))
  for (const driver of drivers) assert.deepStrictEqual((yield* driver.lines(1))[0], "ready")
  return { log, drivers }
})

describe("two processes on one file", () => {
  it.live("drive each run once", () =>
    Effect.gen(function* () {
      const { drivers, log } = yield* world
      for (const driver of drivers) {
        const { code, lines, stderr } = yield* driver.end
        assert.deepStrictEqual([code, lines[1], stderr], [0, runs, ""])
      }
      assert.lengthOf(calls(log), runs * 3)
      assert.lengthOf(new Set(calls(log)), runs * 3)
    })
  )

  it.live("finish what one of them was at when it was killed", () =>
    Effect.gen(function* () {
      const { drivers, log } = yield* world
      const [first, second] = drivers
      first?.process.kill("SIGKILL")
      const ended = yield* second?.end ?? Effect.die("there is no second")
      assert.deepStrictEqual([ended.code, ended.lines[1]], [0, runs])
      const all = calls(log)
      assert.lengthOf(new Set(all), runs * 3)
      // what was under way when it died is all that runs again: at most a task a run
      assert.isAtMost(all.length, runs * 4)
    })
  )
})
