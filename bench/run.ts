/**
 * The measurements: builds the programs, runs each repetition in a process of its own, prints tables and writes the
 * numbers to `results/`. Goals and cases: Cases.ts. What the columns mean: README.md.
 *
 *     npm run bench [-- --full] [--only REGEX] [--repetitions N] [--folder PATH]
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { cpus, loadavg, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { type Case, cases, type Goals, otherGoals } from "./Cases.ts"
import { median } from "./Child.ts"
import * as Crash from "./Crash.ts"
import * as Fsyncs from "./Fsyncs.ts"
import { middle, repeat, spread } from "./Repetitions.ts"
import { type Fact, goals, number, table } from "./Report.ts"
import * as Start from "./Start.ts"
import type { Durability } from "./Subject.ts"

const { values: flags } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    repetitions: { type: "string" },
    /** Where the databases lie: on a disk, or an fsync costs nothing. */
    folder: { type: "string", default: tmpdir() }
  }
})
const { folder: root, full } = flags
const repetitions = Number(flags.repetitions ?? (full ? 5 : 3))
const only = new RegExp(flags.only, "i")
/** What is asked for by name is measured, short or not. */
const wanted = (name: string, short = true) => only.test(name) && (full || flags.only !== "" || short)
const durabilities = ["process", "power"] as const
const facts: Array<Fact> = []
const failures: Array<string> = []
const results: Record<string, unknown> = {
  at: new Date().toISOString(),
  node: process.version,
  sqlite: process.versions["sqlite"],
  cpus: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
  load: loadavg()[0],
  repetitions
}

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

/** What fails is told at the end, and the others go on. */
const attempt = <A>(name: string, measured: () => A): A | undefined => {
  progress(name)
  try {
    return measured()
  } catch (cause) {
    failures.push(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`)
    return undefined
  }
}

const divided = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a / b

const measure = (of: Case, durability: Durability) => {
  const kind = of.whole === true ? "whole" : "measure"
  const job = { durability, case: of }
  const memory = durability === "process" && of.goals?.process?.rss !== undefined
  const { ours, plain, reference, whole } = repeat(
    root,
    {
      ours: { job: { ...job, kind } },
      reference: { job: { ...job, kind, subject: "reference" } },
      whole: memory || (full && durability === "process") ? { job: { ...job, kind: "whole" } } : undefined,
      plain: memory && hasPlain ? { job: { ...job, kind: "whole" }, program: "plain" } : undefined
    },
    repetitions
  )
  const writes = of.fsyncsFrom === undefined ? undefined : Fsyncs.perStep(root, of, durability)
  const row = {
    case: of.name,
    durability,
    rate: middle(ours, ({ rate }) => rate),
    ms: middle(ours, ({ ms }) => ms),
    raw: middle(ours, ({ rate, raw }) => divided(rate, raw)),
    reference: middle(ours, ({ rate }, i) => divided(rate, reference?.[i]?.rate)),
    whole: middle(whole, ({ rate }) => rate),
    fsyncs: writes?.fsyncs,
    commits: writes?.commits,
    rss: middle(whole, ({ rss }) => rss),
    plainRss: middle(plain, ({ rss }) => rss),
    p50: middle(ours, ({ p50 }) => p50),
    p99: middle(ours, ({ p99 }) => p99),
    bare: middle(ours, ({ bare, ms }) => divided(ms, bare)),
    spread: spread(ours)
  }
  const wishes: Goals = of.goals?.[durability] ?? {}
  const tell = (key: keyof Goals & keyof typeof row, words: string) => {
    const [goal, value] = [wishes[key], row[key]]
    if (goal !== undefined && value !== undefined) {
      facts.push({ name: `${of.name}, ${durability}: ${words}`, value, goal })
    }
  }
  tell("raw", "share of raw")
  tell("reference", "share of the reference")
  tell("fsyncs", "fsyncs a step")
  tell("rss", "peak memory, MiB")
  tell("p50", "p50, ms")
  tell("p99", "p99, ms")
  tell("ms", "ms")
  tell("bare", "time, by that of the bare work")
  return row
}

const rows: Array<ReturnType<typeof measure>> = []
const runs = () => {
  for (const of of cases) {
    if (!wanted(of.name, of.short === true)) continue
    for (const durability of durabilities) {
      const row = attempt(`${of.name}, ${durability}`, () => measure(of, durability))
      if (row !== undefined) rows.push(row)
    }
  }
  results["runs"] = rows
  for (const durability of durabilities) {
    const rate = (name: string) => rows.find((row) => row.case === name && row.durability === durability)?.rate
    const value = divided(rate("chain 5000"), rate("chain 200"))
    const name = `chain 5000 by chain 200, ${durability}: steps a second`
    if (value !== undefined) facts.push({ name, value, goal: otherGoals.scaling })
  }
}

const readings: Array<{ readonly case: string; readonly ms: number | undefined }> = []
const reading = () => {
  const read = cases.filter(
    ({ fresh, name, runs, short, size, whole }) =>
      wanted(name, short === true) && !(fresh ?? whole ?? runs) && size > 40
  )
  for (const of of read) {
    const job = { kind: "read", durability: "process", case: of } as const
    attempt(`${of.name}, reading`, () => {
      const { read } = repeat(root, { read: { job } }, repetitions)
      readings.push({ case: of.name, ms: middle(read, ({ ms }) => ms) })
    })
  }
  results["reading"] = readings
}

const checks: Array<ReadonlyArray<number | undefined>> = []
const checking = () => {
  const of: Case = { name: "check 1000", shape: "chain", size: 1000 }
  attempt(of.name, () => {
    const job = { kind: "check", durability: "process", case: of } as const
    const { all } = repeat(root, { all: { job } }, repetitions)
    const [cold, warm, proof, yaml, ratio] = [
      middle(all, ({ checking }) => checking?.cold),
      middle(all, ({ checking }) => checking?.warm),
      middle(all, ({ checking }) => checking?.proof),
      middle(all, ({ checking }) => checking?.yaml),
      middle(all, ({ checking }) => divided(checking?.warm, checking?.yaml))
    ]
    checks.push([cold, warm, proof, yaml, ratio])
    if (warm !== undefined) facts.push({ name: `${of.name}, warm: ms`, value: warm, goal: otherGoals.check })
    if (ratio !== undefined) {
      facts.push({ name: `${of.name}: time, by that of the YAML alone`, value: ratio, goal: otherGoals.checkByYaml })
    }
    results["check"] = { cold, warm, proof, yaml, ratio }
  })
}

const starts: Array<{
  readonly durability: Durability
  readonly library: number | undefined
  readonly command: number | undefined
  readonly node: number | undefined
}> = []
const cold = () => {
  const times = repetitions + 2
  const of = (seconds: () => number | undefined) => {
    const values = Array.from({ length: times }, seconds).flatMap((value) => value ?? [])
    return values.length === 0 ? undefined : median(values)
  }
  for (const durability of durabilities) {
    progress(`cold, ${durability}`)
    const library = of(() => Start.library(root, durability))
    const command = of(() => Start.command(root, durability))
    if (library !== undefined) {
      facts.push({ name: `cold library, ${durability}: s`, value: library, goal: otherGoals.coldLibrary })
    }
    if (command !== undefined) {
      facts.push({ name: `cold gleitzeit run, ${durability}: s`, value: command, goal: otherGoals.coldCommand })
    }
    starts.push({ durability, library, command, node: of(() => Start.node(root)) })
  }
  results["cold"] = starts
}

const crashes = async () => {
  const times = full ? 10 : 3
  const of: Case = { name: "", shape: "chain", size: 1000 }
  const all: Array<Crash.Recovery> = []
  progress("resume")
  for (let i = 1; i <= times; i++) {
    const recovery = await Crash.recover(root, of, "process", Math.round((i * of.size) / (times + 1)))
    if (recovery !== undefined) all.push(recovery)
  }
  results["resume"] = all
  if (all.length === 0) return void failures.push("resume: each run was over before its process was killed")
  facts.push(
    {
      name: `resume after ${all.length} kills: steps carried out twice, at most`,
      value: Math.max(...all.map(({ rerun }) => rerun)),
      goal: otherGoals.rerun
    },
    {
      name: "resume: ms from the opening to the first further step",
      value: median(all.map(({ first }) => first)),
      goal: otherGoals.firstStep
    }
  )
}

const print = () => {
  const shown = rows.map((row) => [
    `${row.case}, ${row.durability}`,
    number(row.rate),
    number(row.raw),
    number(row.reference),
    number(row.ms),
    row.p50 === undefined ? "" : `${number(row.p50)} / ${number(row.p99)}`,
    number(row.whole),
    number(row.fsyncs),
    number(row.commits),
    number(row.rss),
    number(row.plainRss),
    number(row.spread)
  ])
  const head = [
    "case",
    "steps/s",
    "/raw",
    "/reference",
    "ms",
    "p50 / p99 ms",
    "with check",
    "fsyncs",
    "commits",
    "MiB",
    "MiB plain",
    "spread"
  ]
  if (shown.length > 0) console.log(`\n${table(head, shown)}`)
  if (readings.length > 0) {
    const cells = readings.map(({ case: name, ms }) => [name, number(ms)])
    console.log(`\n${table(["reading the YAML and checking it", "ms"], cells)}`)
  }
  if (checks.length > 0) {
    const cells = checks.map((row) => ["1000", ...row.map(number)])
    console.log(`\n${table(["tasks read and proved, ms", "cold", "warm", "the proof", "YAML alone", "/YAML"], cells)}`)
  }
  if (starts.length > 0) {
    const cells = starts.map(({ command, durability, library, node }) => [
      durability,
      ...[library, command, node].map(number)
    ])
    console.log(`\n${table(["from nothing to a result, s", "library", "gleitzeit run", "node -e 0"], cells)}`)
  }
  if (facts.length > 0) console.log(`\n${goals(facts)}`)
  for (const failure of failures) console.log(`failed: ${failure}`)
  if (shown.length + checks.length + starts.length + facts.length + failures.length === 0) {
    console.log(
      `no case is called so: ${[...cases.map(({ name }) => name), "check 1000", "cold", "resume"].join(", ")}`
    )
  }
}

const tsup = spawnSync("tsup", ["--config", "bench/tsup.config.ts", "--silent"], {
  cwd: resolve(import.meta.dirname, ".."),
  stdio: ["ignore", "ignore", "inherit"]
})
if (tsup.status !== 0) throw new Error("the programs cannot be built (npm run bench puts tsup on the PATH)")
const hasPlain = existsSync(resolve(import.meta.dirname, "../packages/core/dist/index.js"))

runs()
reading()
if (wanted("check 1000")) checking()
if (wanted("cold")) cold()
if (wanted("resume")) await crashes()
progress("")
print()
if (flags.only === "") {
  const folder = join(import.meta.dirname, "results")
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, full ? "full.json" : "short.json"),
    `${JSON.stringify({ ...results, goals: facts, failures }, (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(4)) : value), 2)}\n`
  )
}
process.exitCode = failures.length > 0 ? 1 : 0
