/**
 * A run whose process is killed by `kill -9`, or has no room left on its disk: `resume` finishes it, and nothing that was
 * recorded runs again. `GLEITZEIT_CRASH_KILLS=200` kills as often.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Schema } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { platform } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { start as startProgram } from "./child.ts"
import { folder } from "./folder.ts"

const start = (args: ReadonlyArray<string>, options?: Parameters<typeof startProgram>[2]) =>
  startProgram("crash.ts", args, options)

/** Paths in the order of their outcomes in the journal, which has no gap. */
const recorded = (filename: string): ReadonlyArray<string> => {
  const db = new DatabaseSync(filename)
  try {
    const rows = db.prepare("SELECT sequence, kind, json FROM events ORDER BY sequence").all()
    assert.deepStrictEqual(
      rows.map(({ sequence }) => Number(sequence)),
      rows.map((_, i) => i + 1)
    )
    return rows.flatMap(({ json, kind }) => (kind === "TaskCompleted" ? [String(JSON.parse(String(json)).task)] : []))
  } finally {
    db.close()
  }
}

/** Paths of the calls since it was last asked. */
const called = (log: string): ReadonlyArray<string> => {
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : []
  writeFileSync(log, "")
  return lines
}

const isNew = (before: ReadonlyArray<string>, calls: ReadonlyArray<string>) =>
  assert.deepStrictEqual(
    calls.filter((path) => before.includes(path)),
    [],
    "recorded before, and run again"
  )

/** Ends as a run that nobody disturbed, every task recorded once. */
const isWhole = (answer: unknown, filename: string) => {
  const { outputs, status } = Schema.decodeUnknownSync(Schema.Struct({ status: Schema.String, outputs: Schema.Json }))(
    answer
  )
  assert.strictEqual(status, "completed")
  const digits = Array.from({ length: 10 }, (_, i) => i)
  assert.deepStrictEqual(outputs, {
    joined: { chain: digits.join(" "), fan: digits, parallel: digits.slice(0, 9) }
  })
  const paths = recorded(filename)
  assert.lengthOf(paths, 30)
  assert.lengthOf(new Set(paths), 30)
}

const kills = Number(process.env["GLEITZEIT_CRASH_KILLS"] ?? "8")

describe("kill -9", () => {
  it.live(
    `at ${kills} random moments loses nothing and runs nothing twice that was recorded`,
    () =>
      Effect.gen(function* () {
        const path = yield* folder
        let left = kills
        let underWay = 0
        let runs = 0

        /** One run, killed up to four times, then left to its end. */
        const once = Effect.gen(function* () {
          const number = runs++
          const [filename, log] = [join(path, `${number}.db`), join(path, `${number}.log`)]
          const times = Math.min(left, 1 + (yield* Random.nextIntBetween(0, 4)))
          left -= times
          let run = ""
          let before: ReadonlyArray<string> = []
          for (let time = 0; time <= times; time++) {
            const child = yield* start([filename, log, run])
            const [id] = yield* child.lines(1)
            run = String(id)
            if (time < times) {
              yield* Effect.sleep(yield* Random.nextBetween(0, 50))
              child.process.kill("SIGKILL")
            }
            const { lines, stderr } = yield* child.end
            assert.strictEqual(stderr, "")
            isNew(before, called(log))
            before = recorded(filename)
            if (time < times && lines.length < 2) underWay++
            if (time === times) isWhole(lines[1], filename)
          }
        })

        const endless = Effect.suspend(() => once).pipe(Effect.scoped, Effect.repeat({ while: () => left > 0 }))
        yield* Effect.all([endless, endless], { concurrency: 2 })
        assert.isAbove(underWay, kills / 10, "kills hit runs under way")
      }),
    { timeout: 30_000 + kills * 5000 }
  )
})

describe("a disk without room", () => {
  it.live.skipIf(platform() === "win32")("fails the run with the store's error, and resume finishes it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const [filename, log] = [join(path, "full.db"), join(path, "full.log")]
      // no file may have more than 2 MB, the results have 6
      const args = (run: string) => [filename, log, run, "200000"]
      const first = yield* (yield* start(args(""), { shell: `ulimit -f 4000; exec "$@"` })).end
      assert.strictEqual(first.stderr, "")
      const [run, failure] = first.lines
      assert.deepInclude(failure, { code: -26002, name: "PERSISTENCE_FAILED" })
      const before = recorded(filename)
      assert.isAbove(before.length, 0)
      assert.isBelow(before.length, 30)
      called(log)
      const { lines } = yield* (yield* start(args(String(run)))).end
      isNew(before, called(log))
      isWhole(lines[1], filename)
    })
  )
})
