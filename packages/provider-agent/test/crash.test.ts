/** An agent whose process is killed by `kill -9`: another goes on, and what was recorded is neither asked nor called again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-agent-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Most of such a process's life is reading its modules: the second finds them compiled. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "gleitzeit-compile-cache") }

interface Ended {
  readonly lines: ReadonlyArray<unknown>
  readonly stderr: string
}

/** Until its end; as soon as it hangs it is killed. */
const play = (args: ReadonlyArray<string>): Effect.Effect<Ended, never, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          process.execPath,
          [
            "--conditions=gz-source",
            "--disable-warning=ExperimentalWarning",
            join(import.meta.dirname, "fixtures/agent.ts"),
            ...args
          ],
          { env, stdio: ["ignore", "pipe", "pipe"] }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) =>
      Effect.callback<Ended>((resume) => {
        let [out, stderr] = ["", ""]
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          out += text
          if (out.includes(`"hanging"\n`)) child.kill("SIGKILL")
        })
        child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
        child.on("close", () =>
          resume(
            Effect.sync(() => ({
              lines: out
                .split("\n")
                .slice(0, -1)
                .map((line): unknown => JSON.parse(line)),
              stderr
            }))
          )
        )
      })
  )

/** What an agent does that nobody disturbs. */
const whole = ["turn 1", "stock tea", "turn 2", "fail", "turn 3", "stock salt", "turn 4", "order 2 salt", "turn 5"]

const begun = (log: string): ReadonlyArray<string> =>
  existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : []

/** Lines up to one, this included. */
const upTo = (line: string) => whole.slice(0, whole.indexOf(line) + 1)

describe("kill -9", () => {
  // once before somebody is asked, in a turn, and once behind it, in a tool
  it.live("makes nothing twice but what was under way", () =>
    Effect.gen(function* () {
      const [first, second] = ["turn 3", "order 2 salt"]
      const path = yield* folder
      const [filename, log] = [join(path, "runs.db"), join(path, "log")]

      const one = yield* play([filename, log, first])
      const [run] = one.lines
      assert.deepStrictEqual(one, { lines: [run, "hanging"], stderr: "" })
      assert.deepStrictEqual(begun(log), upTo(first))

      // another process goes on, as far as somebody is to say yes
      const two = yield* play([filename, log, "", String(run)])
      assert.deepStrictEqual(two, {
        lines: [run, { status: "waiting", result: null, waiting: ["ask/approve-4"] }],
        stderr: ""
      })
      const before = upTo("turn 4")
      assert.deepStrictEqual(begun(log).toSorted(), [...before, first].toSorted())

      const three = yield* play([filename, log, second, String(run)])
      assert.deepStrictEqual(three, { lines: [run, "hanging"], stderr: "" })

      const four = yield* play([filename, log, "", String(run)])
      assert.strictEqual(four.stderr, "")
      assert.deepInclude(four.lines[1], { status: "completed", waiting: [] })
      assert.include(JSON.stringify(four.lines[1]), `"answer":"ordered"`)
      assert.include(JSON.stringify(four.lines[1]), "the till is closed")
      assert.deepStrictEqual(begun(log).toSorted(), [...whole, first, second].toSorted())
    })
  )
})
