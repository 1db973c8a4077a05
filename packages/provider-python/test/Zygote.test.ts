/** What it does when it, its children or its socket are handled badly. What a task sees of it: `PythonProvider.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { frame } from "../src/Frames.ts"
import * as Process from "../src/Process.ts"
import * as Zygote from "../src/Zygote.ts"

const folder = fileURLToPath(new URL("../src/python/", import.meta.url))
const executable = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim()
const launch = Zygote.interpreter({ executable, folder, env: {} })

/** Its own start, after something has been done to what it is made of. */
const altered =
  (code: string): Zygote.Launch =>
  (place, token) =>
    Effect.map(
      Process.start({
        executable,
        args: ["-c", `${code}\n${Zygote.boot}`, folder, join(place, Zygote.socketName), token],
        env: {}
      }),
      (events) => ({ events, killGroup: Process.killGroup })
    )

const job = (code: string) =>
  frame({
    check: false,
    name: "<task>",
    file: null,
    source: code,
    segments: [code],
    values: {},
    line: 1,
    cwd: null,
    max_result: 1000,
    allowed_modules: null,
    level: "none",
    limits: {},
    readable: [],
    writable: []
  })

/** What some code prints. `said`: as soon as it comes. */
const printed = (zygote: Zygote.Zygote, code: string, said: (text: string) => void = () => {}) =>
  Effect.gen(function* () {
    let text = ""
    const ended = yield* zygote.run({ env: { A: "of the task" }, job: job(code) }, ({ _tag, bytes }) =>
      Effect.sync(() => {
        if (_tag === "Stdout") text += Buffer.from(bytes).toString()
        if (_tag === "Stdout") said(text)
      })
    )
    assert.deepInclude(ended, { code: 0, signal: undefined })
    return text.trim()
  })

/** Its failure, and what it has printed until then. */
const lost = (zygote: Zygote.Zygote, code: string) =>
  Effect.gen(function* () {
    let text = ""
    const error = yield* Effect.flip(printed(zygote, code, (said) => (text = said)))
    return { error, words: text.trim().split(" ") }
  })

const dead = (pid: string | undefined) => {
  try {
    const state = execFileSync("ps", ["-o", "stat=", "-p", pid ?? ""], { encoding: "utf8" })
    return state.trim().startsWith("Z")
  } catch {
    return true
  }
}
const died = (pid: string | undefined) =>
  Effect.sync(() => dead(pid)).pipe(Effect.repeat({ until: (over) => over, times: 200 }), Effect.map(assert.isTrue))

/** `os`, the zygote, and where it listens. */
const prelude = `
import os, signal, socket, subprocess, sys, time
zygote = os.getppid()
place, token = open(f"/proc/{zygote}/cmdline").read().split("\\0")[-3:-1]
`

describe.skipIf(process.platform !== "linux")("a zygote", () => {
  it.live("forks every task from one interpreter, which the first one starts, and takes it along when it ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const zygote = yield* Scope.provide(Zygote.make({ launch, ahead: true }), scope)
      const before = readdirSync(tmpdir()).filter((name) => name.startsWith("gleitzeit-python-"))
      const code = `${prelude}print(zygote, os.getpid(), place, os.stat(os.path.dirname(place)).st_mode & 0o777)`
      const all = yield* Effect.forEach([1, 2, 3], () => printed(zygote, code), { concurrency: "unbounded" })
      const [parents, own, places, modes] = [0, 1, 2, 3].map((at) => new Set(all.map((said) => said.split(" ")[at])))
      assert.deepStrictEqual([parents?.size, own?.size, places?.size, [...(modes ?? [])]], [1, 3, 1, [String(0o700)]])
      const [place = ""] = places ?? []
      assert.isTrue(existsSync(place))
      assert.notInclude(before, dirname(place))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(dead([...(parents ?? [])][0]))
      assert.isFalse(existsSync(dirname(place)))
      const after = yield* Effect.flip(printed(zygote, code))
      assert.include(["Lost", "NotStarted"], after._tag)
    })
  )

  it.live("gives a child its own environment, signals, session and arguments, and no descriptor but its own", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true })
      const code = `${prelude}
print(dict(os.environ), sys.argv, os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL)
print(sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")))
print([name for name in ("run", "zygote", "template", "sandbox", "values") if name in sys.modules], sys.path[0] == "")`
      assert.deepStrictEqual((yield* printed(zygote, code)).split("\n"), [
        "{'A': 'of the task'} ['<task>'] True True",
        "[0, 1, 2, 3, 4]",
        "[] True"
      ])
    })
  )

  it.live("hands nothing that a task was given to the next one", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true })
      const [first, second] = ["what only one of ", "them was told"]
      // the halves never stand together in its own memory
      const search = `
first, second, found = b"${first}", b"${second}", 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
    for line in maps:
        place, rights = line.split()[:2]
        begin, end = (int(number, 16) for number in place.split("-"))
        if not rights.startswith("rw") or "[v" in line: continue
        memory.seek(begin)
        data = memory.read(end - begin)
        at = data.find(first)
        while at >= 0:
            found += data[at + len(first) : at + len(first) + len(second)] == second
            at = data.find(first, at + 1)
print(found)`
      const secret = first + second
      let told = ""
      const given = { env: { SECRET: secret }, stdin: secret, job: job(`told = ${JSON.stringify(secret)}\n${search}`) }
      yield* zygote.run(given, ({ _tag, bytes }) =>
        Effect.sync(() => {
          if (_tag === "Stdout") told += Buffer.from(bytes).toString()
        })
      )
      assert.isAbove(Number(told), 0)
      assert.strictEqual(yield* printed(zygote, search), "0")
    })
  )

  it.live(
    "that is killed loses the tasks under way, with all that they have started, and the next starts another",
    () =>
      Effect.gen(function* () {
        const zygote = yield* Zygote.make({ launch, ahead: true })
        const begun = yield* Deferred.make<void>()
        const other = yield* Effect.forkChild(
          Effect.flip(
            printed(zygote, "import time\nprint(1, flush=True)\ntime.sleep(60)", () =>
              Deferred.doneUnsafe(begun, Exit.void)
            )
          )
        )
        yield* Deferred.await(begun)
        const { error, words } = yield* lost(
          zygote,
          `${prelude}print(zygote, os.getpid(), subprocess.Popen(["sleep", "60"]).pid)\nos.kill(zygote, 9)\ntime.sleep(60)`
        )
        assert.instanceOf(error, Zygote.Lost)
        assert.include(reasonOf(error), "was ended by SIGKILL")
        assert.lengthOf(words, 3)
        for (const pid of words) yield* died(pid)
        assert.instanceOf(yield* Fiber.join(other), Zygote.Lost)
        assert.strictEqual(yield* printed(zygote, "print(1)"), "1")
      })
  )

  it.live("that is frozen is given up, by those under way and by those that are to begin", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true, pulse: 300 })
      const code = `${prelude}print(zygote, os.getpid(), subprocess.Popen(["sleep", "60"]).pid)\nos.kill(zygote, 19)`
      const { error, words } = yield* lost(zygote, code)
      assert.include(reasonOf(error), "it has not answered for 0.3 s")
      assert.lengthOf(words, 3)
      for (const pid of words) yield* died(pid)
      const [pid] = (yield* printed(zygote, `${prelude}print(zygote)`)).split(" ")
      process.kill(Number(pid), "SIGSTOP")
      assert.include(reasonOf(yield* Effect.flip(printed(zygote, "print(1)"))), "it has not answered")
      yield* died(pid)
      assert.strictEqual(yield* printed(zygote, "print(1)"), "1")
    })
  )

  it.live("tells how a child was ended, and goes on", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true })
      const parents = new Set([yield* printed(zygote, `${prelude}print(zygote)`)])
      for (const [code, expected] of [
        ["os.kill(os.getpid(), 9)", { code: undefined, signal: "SIGKILL" }],
        ["os.abort()", { code: undefined, signal: "SIGABRT" }],
        ["os._exit(3)", { code: 3, signal: undefined }],
        ["import threading\nthreading.Thread(target=lambda: print('late')).start()", { code: 0, signal: undefined }],
        ["import atexit\natexit.register(os._exit, 5)", { code: 5, signal: undefined }]
      ] as const) {
        const { rss, ...ended } = yield* zygote.run({ env: {}, job: job(`import os\n${code}`) }, () => Effect.void)
        assert.deepStrictEqual(ended, expected)
        assert.isAbove(rss ?? 0, 1000)
      }
      parents.add(yield* printed(zygote, `${prelude}print(zygote)`))
      assert.strictEqual(parents.size, 1)
    })
  )

  it.live("lets nobody in who does not know its tokens, or who comes a second time", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true })
      const code = `${prelude}
def refused(hello):
    other = socket.socket(socket.AF_UNIX)
    other.connect(place)
    try:
        other.sendall(hello)
        return other.recv(1) == b""
    except OSError:
        return True
frame = sys._getframe()
while "said" not in frame.f_locals: frame = frame.f_back
_, own = frame.f_locals["said"]
silent = socket.socket(socket.AF_UNIX)
silent.connect(place)
hellos = [f"{token} Control", f"{own} Channel", f"{own} Stdin", f"{own} Nothing", "x Stdout", ""]
print([refused(hello.encode() + b"\\n") for hello in hellos], refused(b"x" * 200), refused(bytes(1_000_000)))`
      assert.strictEqual(yield* printed(zygote, code), `[${Array(6).fill("True").join(", ")}] True True`)
      assert.strictEqual(yield* printed(zygote, "print(1)"), "1")
    })
  )

  it.live("that says what it never says is given up", () =>
    Effect.gen(function* () {
      for (const said of ["b'\\xff' * 8", "b'\\0\\0\\0\\2{}'", "b'\\0\\0\\0\\0'"]) {
        const zygote = yield* Zygote.make({
          launch: altered(`
import os, sys
sys.path[0] = sys.argv[1]
import zygote
zygote.live = lambda *_: os.write(gone[0], ${said})
gone = []
made = zygote.Zygote.__init__
zygote.Zygote.__init__ = lambda self, place, control, woken: (gone.append(control), made(self, place, control, woken))[0]
`)
        })
        assert.include(reasonOf(yield* Effect.flip(printed(zygote, "print(1)"))), "it says what it never says")
      }
    })
  )

  it.live("that forks ahead does without a child that has ended before it was given a task", () =>
    Effect.gen(function* () {
      const zygote = yield* Zygote.make({ launch, ahead: true })
      const others = `${prelude}
def others():
    with open(f"/proc/{zygote}/task/{zygote}/children") as file:
        return sorted({int(pid) for pid in file.read().split()} - {os.getpid()})
while not others(): pass
`
      const first = yield* printed(zygote, `${others}print(others()[0])`)
      const second = yield* printed(zygote, "import os; print(os.getpid())")
      assert.strictEqual(second, first)
      const killed = `${others}
pid = others()[0]
os.kill(pid, signal.SIGKILL)
while pid in others(): pass
print(pid)`
      const third = yield* printed(zygote, killed)
      const fourth = yield* printed(zygote, "import os; print(os.getpid())")
      assert.notStrictEqual(fourth, third)
    })
  )

  it.live("that cannot fork says so, and can when the machine can", () =>
    Effect.gen(function* () {
      const refusing = `
import errno, os
fork, calls = os.fork, []
def refuse():
    calls.append(1)
    if len(calls) == 1: raise OSError(errno.EAGAIN, "")
    return fork()
os.fork = refuse`
      const zygote = yield* Zygote.make({ launch: altered(refusing) })
      const error = yield* Effect.flip(printed(zygote, "print(1)"))
      assert.instanceOf(error, Process.NotStarted)
      assert.include(reasonOf(error), "it cannot be forked: Resource temporarily unavailable")
      assert.strictEqual(yield* printed(zygote, "print(1)"), "1")
    })
  )

  it.live("that does not start says why, each time", () =>
    Effect.gen(function* () {
      const missing = yield* Zygote.make({ launch: Zygote.interpreter({ executable: "/no/python", folder, env: {} }) })
      const broken = yield* Zygote.make({ launch: altered("raise ValueError('not this one')") })
      for (const _ of [1, 2]) {
        assert.instanceOf(yield* Effect.flip(printed(missing, "print(1)")), Process.NotStarted)
        const error = yield* Effect.flip(printed(broken, "print(1)"))
        assert.match(reasonOf(error), /ended with exit code 1: .*ValueError: not this one/s)
      }
    })
  )

  it.live("that is no longer wanted before it is there ends, and so do the tasks of a scope that closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const zygote = yield* Scope.provide(Zygote.make({ launch, ahead: true }), scope)
      const early = yield* Effect.forkChild(printed(zygote, "print(1)"), { startImmediately: true })
      yield* Fiber.interrupt(early)
      const begun = yield* Deferred.make<string>()
      const code = `${prelude}print(zygote, os.getpid(), flush=True)\nsum(iter(int, 1))`
      const late = yield* Effect.forkChild(
        Effect.flip(printed(zygote, code, (said) => Deferred.doneUnsafe(begun, Exit.succeed(said))))
      )
      const pids = (yield* Deferred.await(begun)).trim().split(" ")
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(yield* Fiber.join(late), Zygote.Lost)
      for (const pid of pids) assert.isTrue(dead(pid))
    })
  )
})

const reasonOf = (error: { readonly _tag: string } | { readonly reason: string }): string =>
  "reason" in error ? error.reason : error._tag
