/**
 * Many tasks of all kinds leave nothing behind. `GLEITZEIT_TEST_SOAK=1` runs 5000 of them and watches the memory; without
 * it there are 200.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PythonProvider } from "../src/index.ts"
import { call } from "./Tasks.ts"

const isLong = process.env["GLEITZEIT_TEST_SOAK"] === "1"
const rounds = isLong ? 625 : 25

/** Eight tasks, and what a failure of theirs is to say. */
const kinds: ReadonlyArray<readonly [params: Record<string, unknown>, expected: string | undefined]> = [
  [{ code: "result = sum(args)", args: [1, 2] }, undefined],
  [{ code: "import tempfile\ntempfile.mkdtemp()\nopen('left', 'w').write('x' * 10_000)", sandbox: true }, undefined],
  [{ code: "import tempfile\ntempfile.mkdtemp()", sandbox: "ns" }, undefined],
  [{ code: "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)" }, undefined],
  [{ code: "raise ValueError('as it is to be')" }, "as it is to be"],
  [{ code: "import os\nos.abort()" }, "SIGABRT"],
  [
    { code: "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\nwhile 1: 1", timeout: 0.2 },
    "more than 0.2 s"
  ],
  [{ code: "print('x' * 100_000)\nresult = 'x' * 100_000", env: { SECRET: "s" }, stdin: "x" }, undefined]
]

/** Pids of what a process has started. */
const started = (pid: string): ReadonlyArray<string> => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean)
    )
  } catch {
    return []
  }
}
/** And of what that has started. */
const below = (pid: string): ReadonlyArray<string> => started(pid).flatMap((child) => [child, ...below(child)])

/** The sockets and pipes that are open here. */
const channels = () =>
  readdirSync("/proc/self/fd").filter((name) => {
    try {
      return /^(socket|pipe):/.test(readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      return false
    }
  }).length

// all that is made for tasks is made here
const temporary = mkdtempSync(join(tmpdir(), "gleitzeit-soak-"))
process.env["TMPDIR"] = temporary
afterAll(() => rmdirSync(temporary))
const files = () => readdirSync(temporary).toSorted()

/** Of an interpreter: where it listens, its own, its two outputs, and three of the child that waits. */
const opened = 7

const residentOf = (pid: string) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0)

describe.skipIf(process.platform !== "linux")("a provider of python/v1", () => {
  it.live(
    "has no process, no channel and no file left after many tasks",
    () =>
      Effect.gen(function* () {
        const before = { channels: channels(), below: below("self") }
        const interpreters = () => started("self").filter((pid) => !before.below.includes(pid))
        /** One interpreter a level, each with one child that waits for a task, and nothing of any task. */
        const rest = Effect.suspend(() => {
          const found = interpreters()
          const isOne = (pid: string) => started(pid).length === 1 && below(pid).length === 1
          return found.every(isOne) && channels() === before.channels + found.length * opened
            ? Effect.void
            : Effect.fail("")
        }).pipe(
          Effect.tapError(() => Effect.yieldNow),
          Effect.eventually
        )
        const scope = yield* Scope.make()
        const provider = yield* Scope.provide(PythonProvider.make(), scope)
        const task = (at: number) => {
          const [params, expected] = kinds[at % kinds.length] ?? []
          return Effect.map(
            Effect.result(call(provider, "python/execute", JSON.parse(JSON.stringify(params)))),
            (found) => {
              assert.include(found._tag === "Failure" ? found.failure.message : "", expected ?? "")
              assert.strictEqual(found._tag, expected === undefined ? "Success" : "Failure")
            }
          )
        }
        const many = (rounds: number) =>
          Effect.forEach(Array(rounds * kinds.length).keys(), task, { concurrency: 8, discard: true })
        yield* many(Math.ceil(rounds / 2))
        yield* rest
        const warm = interpreters()
        const half = { here: process.memoryUsage().rss, there: warm.map(residentOf) }
        yield* many(Math.floor(rounds / 2))
        yield* rest
        assert.deepStrictEqual(interpreters().toSorted(), warm.toSorted())
        assert.lengthOf(warm, 3)
        if (isLong) {
          const grown = warm.map((pid, at) => residentOf(pid) - (half.there[at] ?? 0))
          assert.isBelow(Math.max(...grown), 1024, `KiB: ${grown}`)
          assert.isBelow((process.memoryUsage().rss - half.here) / 1024 ** 2, 50, "MiB")
        }
        assert.lengthOf(files(), warm.length)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(below("self"), before.below)
        assert.isAtMost(channels(), before.channels)
        assert.deepStrictEqual(files(), [])
      }),
    isLong ? 600_000 : 60_000
  )
})
