/**
 * Steps a second of the engine on SQLite, as ratios to raw single-insert transactions of the same SQLite in the same run
 * (`raw`, WAL, NORMAL). Plan → run → outputs lie inside the clock; parsing and checking are told beside it.
 *
 *     npm run bench -- bench/engine.ts [REPETITIONS]
 */
import { BuiltIn, Executor, Files, Gleitzeit, Providers, Secrets } from "@gleitzeit/core"
import { SqliteStore } from "@gleitzeit/store-sqlite"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const repetitions = Number(process.argv[2] ?? 3)
const folder = mkdtempSync(join(tmpdir(), "gleitzeit-bench-"))
let files = 0

const chain = (n: number) =>
  Array.from({ length: n }, (_, i) => ({
    id: `t${i}`,
    method: "data/value",
    params: { n: i === 0 ? 0 : `\${t${i - 1}.n}` }
  }))
const fan = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ id: `t${i}`, method: "data/value", params: { n: i } }))

const cases = [
  { name: "chain 1000", tasks: chain(1000), runs: 1 },
  { name: "chain 5000", tasks: chain(5000), runs: 1 },
  { name: "fan 1000", tasks: fan(1000), runs: 1 },
  { name: "fan 10000", tasks: fan(10_000), runs: 1 },
  { name: "many 1000x3", tasks: chain(3), runs: 1000 }
]

/** Single-insert transactions a second. */
const raw = () => {
  const db = new DatabaseSync(join(folder, `${files++}.db`))
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT)")
  const insert = db.prepare("INSERT INTO t(text) VALUES(?)")
  const text = "x".repeat(270)
  const begun = performance.now()
  for (let i = 0; i < 10_000; i++) insert.run(text)
  const rate = 10_000 / ((performance.now() - begun) / 1000)
  db.close()
  return rate
}

const measure = (tasks: ReadonlyArray<unknown>, runs: number, durability: "process" | "power") => {
  const engine = Gleitzeit.layer().pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(BuiltIn.layer),
    Layer.provide(Providers.layer),
    Layer.provide(SqliteStore.layer({ filename: join(folder, `${files++}.db`), durability }))
  )
  return Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const read = performance.now()
    const { workflow } = yield* gleitzeit.check({
      text: JSON.stringify({ name: "bench", max_concurrency: 256, tasks })
    })
    if (workflow === undefined) return yield* Effect.die(new Error("the workflow is wrong"))
    const begun = performance.now()
    yield* Effect.forEach(
      Array.from({ length: runs }),
      () => Effect.flatMap(gleitzeit.submit(workflow), gleitzeit.wait),
      { concurrency: "unbounded", discard: true }
    )
    return { rate: (tasks.length * runs) / ((performance.now() - begun) / 1000), reading: begun - read }
  }).pipe(Effect.provide(engine), Effect.runPromise)
}

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

console.log("case           durability    steps/s    /raw   read + check")
for (const { name, runs, tasks } of cases) {
  for (const durability of ["process", "power"] as const) {
    const rates: Array<number> = []
    const ratios: Array<number> = []
    const readings: Array<number> = []
    for (let i = 0; i < repetitions; i++) {
      const base = raw()
      const { rate, reading } = await measure(tasks, runs, durability)
      rates.push(rate)
      ratios.push(rate / base)
      readings.push(reading)
    }
    console.log(
      `${name.padEnd(14)} ${durability.padEnd(10)} ${median(rates).toFixed(0).padStart(10)} ${median(ratios).toFixed(2).padStart(7)} ${median(readings).toFixed(0).padStart(9)} ms`
    )
  }
}
rmSync(folder, { recursive: true, force: true })
