import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { place } from "./command.ts"
import * as Program from "./program.ts"

const bin = Program.bin()

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

interface Options {
  readonly stdin?: string
  /** Called with all that it has said, whenever it has said more. */
  readonly see?: (said: string, kill: (signal: NodeJS.Signals) => void) => void
}

/** Sends the signal when a text appears. */
const once = (text: string, signal: NodeJS.Signals): Options => {
  let sent = false
  return {
    see: (said, kill) => {
      if (sent || !said.includes(text)) return
      sent = true
      kill(signal)
    }
  }
}

/** A process of its own. */
const gz = (folder: string, args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8", HOME: folder, XDG_DATA_HOME: join(folder, "data") }
    })
    let stdout = ""
    let stderr = ""
    const see = () => options.see?.(stdout + stderr, (signal) => child.kill(signal))
    child.stdout.on("data", (piece) => {
      stdout += String(piece)
      see()
    })
    child.stderr.on("data", (piece) => {
      stderr += String(piece)
      see()
    })
    child.stdin.end(options.stdin ?? "")
    child.on("close", (code, signal) => resume(Effect.succeed({ code, signal, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const workflow = (marker: string) => `name: Interrupted
tasks:
  - { id: first, method: data/value, params: { x: 1 } }
  - id: slow
    dependencies: [first]
    method: python/execute
    params:
      args: { marker: ${JSON.stringify(marker)} }
      code: |
        import os, time
        again = os.path.exists(args["marker"])
        open(args["marker"], "w").close()
        print("here", flush=True)
        time.sleep(0 if again else 60)
        result = "again" if again else "once"
outputs: { how: "\${slow.result}" }
`

const live = (
  name: string,
  test: (folder: string, file: (name: string, text: string) => string) => Effect.Effect<void, never, Scope.Scope>
) => it.live(name, () => Effect.scoped(Effect.flatMap(place(), ({ file, folder }) => test(folder, file))))

describe("the process", () => {
  it.live("a first signal leaves a run that can be resumed, exit 130 or 143; what was recorded is not run again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const path = file("workflow.yaml", workflow(join(folder, "marker")))
        const interrupted = yield* gz(folder, ["run", "-v", path], once("| here", "SIGINT"))
        assert.deepStrictEqual([interrupted.code, interrupted.signal, interrupted.stdout], [130, null, ""])
        const hint = /interrupted; go on with: gleitzeit resume (\w{26})\n$/.exec(interrupted.stderr)
        assert.isNotNull(hint)

        const resumed = yield* gz(folder, ["resume", hint?.[1] ?? ""])
        assert.deepStrictEqual([resumed.code, resumed.stdout], [0, "how:\nagain\n"])
        assert.notInclude(resumed.stderr, "first")
        assert.match(resumed.stderr, /^\S+ run resumed\n\S+ slow started\n\S+ slow completed/)
      })
    )
  )

  it.live("SIGTERM is exit 143, and with --json the last document says how to go on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const slow = "name: Slow\ntasks: [{ id: a, method: timer/sleep, params: { seconds: 60 } }]\n"
        const ended = yield* gz(
          folder,
          ["run", file("slow.yaml", slow), "--json", "--watch"],
          once('"Started"', "SIGTERM")
        )
        assert.deepStrictEqual([ended.code, ended.signal, ended.stderr], [143, null, ""])
        const { error } = JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? "")
        assert.deepStrictEqual(
          [error.name, error.message],
          ["INTERRUPTED", `interrupted; go on with: gleitzeit resume ${error.data.run}`]
        )
      })
    )
  )

  it.live("a run whose process was killed is free at once, to be cancelled and to be removed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const path = file("workflow.yaml", workflow(join(folder, "marker")))
        const killed = yield* gz(folder, ["run", "-v", path], once("| here", "SIGKILL"))
        assert.strictEqual(killed.signal, "SIGKILL")
        const cancelled = yield* gz(folder, ["cancel", "latest"])
        assert.match(cancelled.stderr, /^cancelled \w{26}\n$/)
        yield* gz(folder, ["run", "-v", path], once("slow started", "SIGKILL"))
        assert.match((yield* gz(folder, ["rm", "latest"])).stderr, /^removed \w{26}\n$/)
      })
    )
  )

  it.live("a run that another process drives is not removed, and who drives it is named for programs only", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const path = file("workflow.yaml", workflow(join(folder, "marker")))
        const under = yield* Deferred.make<void>()
        const see = (said: string) => void (said.includes("| here") && Deferred.doneUnsafe(under, Exit.void))
        yield* Effect.forkScoped(gz(folder, ["run", "-v", path], { see }))
        yield* Deferred.await(under)
        const refused = yield* gz(folder, ["rm", "latest"])
        assert.strictEqual(refused.code, 1)
        assert.match(refused.stderr, /^error: another process drives run (\w{26}): .* gleitzeit cancel \1 stops it\n$/)
        const { error } = JSON.parse((yield* gz(folder, ["rm", "latest", "--json"])).stdout)
        assert.strictEqual(error.name, "LEASE_LOST")
        assert.isString(error.data.heldBy)
      })
    )
  )

  it.live("--version answers, and a workflow can come from standard input", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { folder } = yield* place()
        const version = yield* gz(folder, ["--version"])
        assert.match(version.stdout, /^gleitzeit \d+\.\d+\.\d+\n$/)
        const stdin =
          '{"name": "In", "tasks": [{"id": "a", "method": "data/value", "params": {"x": 1}}], "outputs": {"x": "${a.x}"}}'
        const ran = yield* gz(folder, ["run", "-", "-q"], { stdin })
        assert.deepStrictEqual(ran, { code: 0, signal: null, stdout: "x: 1\n", stderr: "" })
      })
    )
  )

  live(
    "--detach returns at once, and a process of its own brings the run to its end, with its secrets",
    (folder, file) =>
      Effect.gen(function* () {
        const path = file(
          "detached.yaml",
          `name: Detached
inputs: { token: { type: string, secret: true } }
tasks:
  - { id: nap, method: timer/sleep, params: { seconds: 0.3 } }
  - id: use
    method: python/execute
    params: { code: "import hashlib; result = len(\${inputs.token})" }
    dependencies: [nap]
outputs: { length: "\${use.result}" }
`
        )
        const begun = yield* gz(folder, ["run", path, "--detach", "-i", "token=hunter2hunter2"])
        const run = begun.stdout.trim()
        assert.deepStrictEqual([begun.code, run.length], [0, 26])
        const log = join(folder, "data", "gleitzeit", "logs", `${run}.log`)
        assert.strictEqual(begun.stderr, `in the background; gleitzeit watch ${run} follows it, it writes to ${log}\n`)
        const watched = yield* gz(folder, ["watch", run])
        assert.deepStrictEqual([watched.code, watched.stdout], [0, "length: 14\n"])
        assert.notInclude(readFileSync(log, "utf8"), "hunter2")
        const json = JSON.parse((yield* gz(folder, ["run", path, "-d", "--json", "-i", "token=hunter2hunter2"])).stdout)
        assert.deepStrictEqual(Object.keys(json), ["run", "log"])
        assert.strictEqual((yield* gz(folder, ["watch", json.run, "-q"])).code, 0)
        yield* gz(folder, ["rm", run])
        assert.isFalse(existsSync(log))
      })
  )

  live("a run whose process was killed is named by the next command, and goes on", (folder, file) =>
    Effect.gen(function* () {
      const path = file("workflow.yaml", workflow(join(folder, "marker")))
      yield* gz(folder, ["run", "-v", path], once("| here", "SIGKILL"))
      const listed = yield* gz(folder, ["ls"])
      const hint = /^1 interrupted run: gleitzeit resume (\w{26})\n$/.exec(listed.stderr)
      assert.isNotNull(hint)
      assert.strictEqual((yield* gz(folder, ["ls", "-q"])).stderr, "")
      assert.strictEqual((yield* gz(folder, ["resume", hint?.[1] ?? "", "-q"])).stdout, "how:\nagain\n")
      assert.strictEqual((yield* gz(folder, ["ls"])).stderr, "")
    })
  )

  live("the same key takes up the run of a process that was killed", (folder, file) =>
    Effect.gen(function* () {
      const path = file("workflow.yaml", workflow(join(folder, "marker")))
      yield* gz(folder, ["run", "-v", path, "--key", "daily"], once("| here", "SIGKILL"))
      const again = yield* gz(folder, ["run", "-q", path, "--key", "daily"])
      assert.deepStrictEqual([again.code, again.stdout], [0, "how:\nagain\n"])
      assert.lengthOf(JSON.parse((yield* gz(folder, ["ls", "--json"])).stdout).runs, 1)
    })
  )

  live("pause lets what is under way finish, whichever process drives it, and resume goes on", (folder, file) =>
    Effect.gen(function* () {
      const path = file(
        "paused.yaml",
        `name: Paused
tasks:
  - { id: slow, method: python/execute, params: { code: "import time; print('here', flush=True); time.sleep(2); result = 1" } }
  - { id: next, method: data/value, params: { x: "\${slow.result}" } }
outputs: { x: "\${next.x}" }
`
      )
      const under = yield* Deferred.make<void>()
      const see = (said: string) => void (said.includes("| here") && Deferred.doneUnsafe(under, Exit.void))
      const running = yield* Effect.forkScoped(gz(folder, ["run", "-v", path], { see }))
      yield* Deferred.await(under)
      const paused = yield* gz(folder, ["pause", "latest"])
      assert.match(
        paused.stderr,
        /^asked the process that drives \w{26} to pause, what is under way finishes; go on with: /
      )
      const rested = yield* Fiber.join(running)
      assert.deepStrictEqual([rested.code, rested.stdout], [6, ""])
      assert.match(rested.stderr, /slow completed in [^]*\n\? paused · 1 completed\n\? pause {2}the run is paused\n/)
      const resumed = yield* gz(folder, ["resume", "latest"])
      assert.deepStrictEqual([resumed.code, resumed.stdout], [0, "x: 1\n"])
    })
  )
})
