/**
 * What a Python task costs beside a start of Python: `python3 -c pass` of the same binary, and tasks at each level, in
 * turn, in one process. Medians of the rounds. Goals: `strict` ≤ 0.20 of a start, `ns` ≤ 0.35; eight at once at least 4
 * times the starts; private memory of a child ≤ 4 MiB; 40 x fibonacci(10) ≤ 0.1 s with the start of the interpreter; 10
 * x fibonacci(33) ≤ 1.03 of the bare work.
 *
 *     node --conditions=gz-source bench/python.ts [ROUNDS] [PYTHON]
 */
import { Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Exit, Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { PythonProvider } from "@gleitzeit/provider-python"
import { context } from "../packages/core/test/context.ts"
import { median } from "./Child.ts"

const rounds = Number(process.argv[2] ?? 25)
const asked = process.argv[3] ?? "python3"
const python = execFileSync(asked, ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim()
const levels = ["none", "rlimit", "strict", "ns"] as const
/** As much as a small task does. */
const small = "import json, math\nresult = json.dumps([math.sqrt(n) for n in range(1000)])[:10]"
const fibonacci = "def fibonacci(n): return n if n <= 1 else fibonacci(n - 1) + fibonacci(n - 2)\n"

const scope = Effect.runSync(Scope.make())
const open = (scope: Scope.Scope, concurrency = 8) =>
  Effect.runPromise(Scope.provide(PythonProvider.make({ command: python, concurrency }), scope))

const run = (provider: Provider.Provider, code: string, sandbox: string): Promise<unknown> =>
  Effect.runPromise(
    Effect.map(
      Effect.provideService(provider.call("python/execute", { code, sandbox }), TaskContext.TaskContext, context()),
      // Safe: a result of python/execute has one.
      (answer) => (answer as { readonly result: unknown }).result
    )
  )

const start = (code = "pass"): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(python, ["-c", code], { stdio: "ignore" })
    child.once("error", reject)
    child.once("exit", () => resolve())
  })

/** Milliseconds. */
const clocked = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** So many in all, eight at once; how many a second. */
const rate = async (total: number, work: () => Promise<unknown>): Promise<number> => {
  let left = total
  const lane = async () => {
    while (left-- > 0) await work()
  }
  return total / ((await clocked(() => Promise.all(Array.from({ length: 8 }, lane)))) / 1000)
}

const say = (what: string, figure: string) => process.stdout.write(`${what.padEnd(44)} ${figure}\n`)
const digits = (value: number, count = 2) => value.toFixed(count)

const provider = await open(scope)
for (const level of levels) for (let at = 0; at < 5; at++) await run(provider, small, level)

// one after another
const times = new Map<string, Array<number>>()
const note = (name: string, value: number) => times.set(name, [...(times.get(name) ?? []), value])
const of = (name: string) => median(times.get(name) ?? [])
for (let round = 0; round < rounds; round++) {
  note("start", await clocked(() => start()))
  for (const level of levels) note(level, await clocked(() => run(provider, small, level)))
}
say("python3 -c pass, ms", digits(of("start")))
for (const level of levels)
  say(`a task, ${level}, ms and ratio`, `${digits(of(level))} ${digits(of(level) / of("start"), 3)}`)

// eight at once
for (let round = 0; round < 5; round++) {
  note("starts", await rate(40, () => start()))
  for (const level of levels) note(`${level} at once`, await rate(80, () => run(provider, small, level)))
}
say("python3 -c pass, eight at once, per second", digits(of("starts"), 0))
for (const level of levels) {
  const name = `${level} at once`
  say(`tasks, eight at once, ${level}, per second`, `${digits(of(name), 0)} ${digits(of(name) / of("starts"), 1)}x`)
}

// memory of a child that does nothing yet
const waiting = "import os, time\nprint(os.getpid(), os.getppid(), flush=True)\ntime.sleep(2)"
const pids = await new Promise<ReadonlyArray<string>>((found, failed) => {
  Effect.runFork(
    Effect.provideService(
      provider.call("python/execute", { code: waiting }),
      TaskContext.TaskContext,
      context((chunk) => {
        if (chunk._tag === "Log") found(chunk.message.split(" "))
      })
    )
  )
  setTimeout(() => failed(new Error("the child says nothing")), 10_000).unref()
})
const memory = (pid: string | undefined) => {
  const told = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(told)?.[1] ?? NaN)
  return `private ${digits((kib("Private_Dirty") + kib("Private_Clean")) / 1024)} PSS ${digits(kib("Pss") / 1024)} RSS ${digits(kib("Rss") / 1024)}`
}
say("memory of an idle child, MiB", memory(pids[0]))
say("memory of the warm interpreter, MiB", memory(pids[1]))

// Windmill's work, each task once the one before has answered, the interpreter started within the clock
const flow = async (size: number, n: number, level: string) => {
  const own = Effect.runSync(Scope.make())
  const fresh = await open(own)
  const found = await clocked(async () => {
    for (let at = 0; at < size; at++) await run(fresh, `${fibonacci}result = fibonacci(${n})`, level)
  })
  await Effect.runPromise(Scope.close(own, Exit.void))
  return found
}
const bare = (size: number, n: number) => {
  const code = `import time\n${fibonacci}begun = time.perf_counter()\nfor _ in range(${size}): fibonacci(${n})\nprint(time.perf_counter() - begun)`
  return Number(execFileSync(python, ["-c", code], { encoding: "utf8" })) * 1000
}
/** Below this no task that is a fork can come. */
const forks = `import os
for _ in range(40):
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)`
for (let round = 0; round < 5; round++) {
  note("forks", await clocked(() => start(forks)))
  for (const level of ["none", "strict"]) note(`40 ${level}`, await flow(40, 10, level))
}
say("40 forks that do nothing, with the start, s", digits(of("forks") / 1000, 3))
for (const level of ["none", "strict"]) say(`40 x fibonacci(10), ${level}, s`, digits(of(`40 ${level}`) / 1000, 3))
for (let round = 0; round < 3; round++) {
  note("bare", bare(10, 33))
  for (const level of ["none", "strict"]) note(`10 ${level}`, await flow(10, 33, level))
}
say("10 x fibonacci(33), bare, s", digits(of("bare") / 1000))
for (const level of ["none", "strict"]) {
  say(
    `10 x fibonacci(33), ${level}, s and ratio`,
    `${digits(of(`10 ${level}`) / 1000)} ${digits(of(`10 ${level}`) / of("bare"), 3)}`
  )
}
await Effect.runPromise(Scope.close(scope, Exit.void))
