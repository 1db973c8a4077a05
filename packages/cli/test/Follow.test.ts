import { assert, describe, it } from "@effect/vitest"
import type { Gleitzeit } from "@gleitzeit/core"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { place } from "./command.ts"
import * as Program from "./program.ts"
import { onTerminal } from "./pty.ts"

const bin = Program.bin()

/** How many pieces `talk/much` is told in, and how long one is. */
const pieces = 5000
const length = 6000

/** `talk/much` floods whoever watches; `talk/story` tells a story, and goes on when it is told to. */
const talker = `
import { existsSync, watch } from "node:fs"
import { createInterface } from "node:readline"

const method = (name) => ({ name, params: [], result: { name: "r", schema: {} } })
const document = {
  openrpc: "1.3.2",
  info: { title: "talk", version: "1" },
  "x-gleitzeit": 1,
  methods: [method("talk/much"), method("talk/story")]
}
const write = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n")
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line)
  const tell = (_tag, text) => write({ method: "task/chunk", params: { id, chunk: { _tag, text } } })
  if (method === "rpc.discover") return write({ id, result: document })
  if (method === "talk/much") {
    for (let i = 0; i < ${pieces}; i++) tell("Text", "x".repeat(${length}))
    return write({ id, result: 1 })
  }
  tell("Reasoning", "Which one? ")
  for (const text of ["Once ", "upon a ti", "me there was ", "a tide.\\n"]) tell("Text", text)
  const end = () => {
    if (!existsSync("go")) return
    watcher.close()
    tell("Text", "The end.")
    write({ id, result: 2 })
  }
  const watcher = watch(".", end)
  end()
})
`

const talk = (method: string) => `name: Talk
tasks:
  - { id: talk, method: talk/${method} }
  - { id: after, method: data/value, params: { x: "\${talk}" } }
outputs: { x: "\${after.x}" }
`

const made = Effect.map(place(), (place) => {
  place.file("gleitzeit.config.yaml", "providers:\n  talk: { use: remote, command: node, args: [talker.mjs] }\n")
  place.file("talker.mjs", talker)
  return { ...place, much: place.file("much.yaml", talk("much")), story: place.file("story.yaml", talk("story")) }
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process of its own; `see` gets it with all that it has said, whenever it has said more. */
const gz = (
  folder: string,
  args: ReadonlyArray<string>,
  see: (said: string, child: ChildProcess) => void = () => {}
): Effect.Effect<Ended> => started(folder, [process.execPath, bin, ...args], see)

const started = (
  folder: string,
  [command = "", ...args]: ReadonlyArray<string>,
  see: (said: string, child: ChildProcess) => void
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        LANG: "C.UTF-8",
        TERM: "xterm",
        NO_COLOR: "1",
        HOME: folder,
        XDG_DATA_HOME: join(folder, "data")
      }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (piece: string) => see((stdout += piece) + stderr, child))
    child.stderr.setEncoding("utf8").on("data", (piece: string) => see(stdout + (stderr += piece), child))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A terminal that takes nothing from when a text is shown until a line is typed; then to the end. */
const stalling = `
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
seen = b""
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    os.write(1, data)
    if b"xxx" not in seen and b"xxx" in seen + data:
        os.read(0, 1)
    seen += data
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`

const live = (name: string, test: (place: Effect.Success<typeof made>) => Effect.Effect<void>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(made, test)))

/** Does something once, when the text appears. */
const once = (text: string, act: (child: ChildProcess) => void) => {
  let done = false
  return (said: string, child: ChildProcess) => {
    if (done || !said.includes(text)) return
    done = true
    act(child)
  }
}

describe("run --json --watch", () => {
  live("a reader that stands still stops nothing; what it reads later is whole, and says what is left out", (place) =>
    Effect.gen(function* () {
      let reader: ChildProcess | undefined
      const stalls = once('"Started"', (child) => {
        reader = child
        child.stdout?.pause()
        // the run ends while nobody reads of it
        Effect.runFork(
          Effect.map(gz(place.folder, ["watch", "latest", "-q"]), ({ code }) => {
            meanwhile = code
            child.stdout?.resume()
          })
        )
      })
      let meanwhile: number | null = -1
      const { code, stdout } = yield* gz(place.folder, ["run", place.much, "--json", "--watch"], stalls)
      assert.isDefined(reader)
      assert.deepStrictEqual([code, meanwhile], [0, 0])
      const seen = stdout
        .trimEnd()
        .split("\n")
        .map((line): Gleitzeit.Live => JSON.parse(line))
      const events = seen.flatMap((one) => (one._tag === "Event" ? [one] : []))
      assert.deepStrictEqual(
        events.map(({ event, sequence }) => `${sequence} ${event._tag}`),
        ["1 RunCreated", "2 TaskCompleted", "3 TaskCompleted", "4 RunCompleted"]
      )
      let next = 0
      for (const one of seen) {
        if (one._tag !== "Chunk" && one._tag !== "Gap") continue
        assert.strictEqual(one._tag === "Gap" ? one.from : one.index, next)
        next = (one._tag === "Gap" ? one.to : one.index) + 1
      }
      assert.strictEqual(next, pieces)
      assert.isTrue(seen.some(({ _tag }) => _tag === "Gap"))
      assert.isBelow(stdout.length, (pieces * length) / 3)
    })
  )

  live("goes on to its end when nobody reads any more", (place) =>
    Effect.gen(function* () {
      const { code } = yield* gz(
        place.folder,
        ["run", place.story, "--json", "--watch"],
        once("Once", (child) => {
          child.stdout?.destroy()
          place.file("go", "")
        })
      )
      assert.strictEqual(code, 0)
      const { stdout } = yield* gz(place.folder, ["show", "latest", "--json"])
      assert.strictEqual(JSON.parse(stdout).status, "completed")
    })
  )
})

describe("watch --json", () => {
  live("ends when nobody reads any more, and the run does not", (place) =>
    Effect.gen(function* () {
      const told = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const driver = yield* Effect.forkChild(
        gz(
          place.folder,
          ["run", place.story, "--watch"],
          once("| Once", () => Deferred.doneUnsafe(told, Exit.void))
        )
      )
      yield* Deferred.await(told)
      const watcher = yield* Effect.forkChild(
        gz(
          place.folder,
          ["watch", "latest", "--json"],
          once("RunCreated", (child) => {
            child.stdout?.destroy()
            Deferred.doneUnsafe(left, Exit.void)
          })
        )
      )
      yield* Deferred.await(left)
      // something to tell, if it has not noticed yet
      yield* gz(place.folder, ["pause", "latest"])
      assert.strictEqual((yield* Fiber.join(watcher)).code, 1)
      place.file("go", "")
      const { code, stderr } = yield* Fiber.join(driver)
      assert.strictEqual(code, 6)
      assert.include(stderr, "talk completed")
    })
  )
})

describe("run --watch without a terminal", () => {
  live("tells what tasks write in whole words, with thoughts when it is verbose", (place) =>
    Effect.gen(function* () {
      const goes = once("| Once", () => place.file("go", ""))
      const { code, stderr, stdout } = yield* gz(place.folder, ["run", place.story, "--watch", "-v"], goes)
      assert.deepStrictEqual([code, stdout], [0, "x: 2\n"])
      const lines = stderr.split("\n").map((line) => line.replace(/^\d\d:\d\d:\d\d /, ""))
      const from = lines.indexOf("talk started")
      assert.deepStrictEqual(lines.slice(from + 1, from + 4), [
        "talk thinks | Which one?",
        "talk | Once upon a time there was a tide.",
        "talk | The end."
      ])
    })
  )
})

describe("run --watch on a terminal", () => {
  live("that takes nothing stops nothing", (place) =>
    Effect.gen(function* () {
      const command = [process.execPath, bin, "run", place.much, "--watch"]
      let meanwhile: number | null = -1
      const { code, stdout } = yield* started(
        place.folder,
        ["python3", "-c", stalling, ...command],
        once("xxx", (child) => {
          Effect.runFork(
            Effect.map(gz(place.folder, ["watch", "latest", "-q"]), ({ code }) => {
              meanwhile = code
              child.stdin?.end("\n")
            })
          )
        })
      )
      assert.deepStrictEqual([code, meanwhile], [0, 0], stdout)
      assert.include(stdout, "✓ completed in")
    })
  )

  live("shows what a task writes beneath it, and its outputs at the end", (place) =>
    Effect.gen(function* () {
      const go = Effect.sync(() => place.file("go", ""))
      const { code, shown } = yield* onTerminal(
        place.folder,
        ["run", place.story, "--watch"],
        [["      Once upon a time there was a tide.", go]]
      )
      assert.strictEqual(code, 0, shown)
      assert.match(shown, /^Talk {2}\w{26}\n\n {2}✓ talk .*\n {2}✓ after .*\n\nx: 2\n\n✓ completed in /)
    })
  )
})
