import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { place } from "./command.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

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

/** A process of its own, from source. */
const gz = (folder: string, args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(process.execPath, ["--conditions=gz-source", bin, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8", XDG_DATA_HOME: join(folder, "data") }
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
})
