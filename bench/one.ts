/**
 * One repetition, in a process of its own: `one JOB`, a job as JSON. Prints what was measured as one line of JSON.
 * Run by `run.ts`; by itself to look into it: see README.md.
 */
import { existsSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { type Case, fibonacci, small, steps } from "./Cases.ts"
import * as Checking from "./Checking.ts"
import * as Engine from "./Engine.ts"
import * as Reference from "./Reference.ts"
import * as Sqlite from "./Sqlite.ts"
import type { Durability, Go, Shape, Subject } from "./Subject.ts"

export interface Job {
  readonly kind: "measure" | "whole" | "read" | "check" | "cold" | "doomed" | "resume"
  readonly subject?: "gleitzeit" | "reference"
  readonly durability: Durability
  /** An empty folder; `resume`: the one that `doomed` had. */
  readonly folder: string
  readonly case: Case
  /** Commits are counted, which takes time. */
  readonly count?: boolean
  /** When the process was asked for, in milliseconds since 1970 with a fraction. */
  readonly asked?: number
}

/** Whatever the job measures; times in milliseconds. */
export interface Sample {
  readonly ms?: number
  /** Steps a second. */
  readonly rate?: number
  readonly p50?: number
  readonly p99?: number
  /** MiB at the end of the clock. */
  readonly rss?: number
  /** Raw transactions a second, measured after it in the same process. */
  readonly raw?: number
  /** What the work of the steps takes by itself, measured after it in the same process. */
  readonly bare?: number
  readonly commits?: number
  /** Steps carried out. */
  readonly hits?: number
  /** From the opening of the store to the first step. */
  readonly first?: number
  readonly checking?: Checking.Checking
}

// internal

const now = () => performance.timeOrigin + performance.now()

/** MiB. What `getrusage` tells begins with the memory of the parent process. */
const rss = () => {
  const status = "/proc/self/status"
  const peak = existsSync(status) ? /VmHWM:\s+(\d+)/.exec(readFileSync(status, "utf8"))?.[1] : undefined
  return (peak === undefined ? process.resourceUsage().maxRSS : Number(peak)) / 1024
}

const main = async (job: Job): Promise<Sample> => {
  const commits = job.count === true ? Sqlite.countCommits() : undefined
  let hits = 0
  let sink = 0
  let hit = () => void hits++
  const work = job.case.fibonacci
  if (work !== undefined) {
    hit = () => {
      hits++
      sink += fibonacci(work)
    }
  }
  const options = { filename: join(job.folder, "bench.db"), durability: job.durability, hit: () => hit() }
  const open = async (): Promise<Subject> =>
    job.subject === "reference" ? Reference.open(options) : Engine.open(options)

  switch (job.kind) {
    case "measure":
    case "whole": {
      const subject = await open()
      await clocked(subject, small(job.case), job.kind)
      hits = 0
      const before = commits?.() ?? 0
      const times = await clocked(subject, job.case, job.kind)
      const peak = rss()
      const done = commits?.() ?? 0
      if (hits !== steps(job.case)) throw new Error(`${hits} steps were carried out, not ${steps(job.case)}`)
      const bare = work === undefined ? {} : { bare: alone(job.case.size, work) }
      const raw = Sqlite.raw(join(job.folder, "raw.db"))
      await subject.close()
      return {
        ms: times.all,
        rate: steps(job.case) / (times.all / 1000),
        ...(times.each.length === 0 ? {} : { p50: quantile(times.each, 0.5), p99: quantile(times.each, 0.99) }),
        rss: peak,
        raw,
        ...bare,
        ...(commits === undefined ? {} : { commits: done - before }),
        hits
      }
    }
    case "read": {
      const engine = await Engine.open(options)
      await engine.read(job.case.shape, Math.min(job.case.size, 10))
      const ms = await engine.read(job.case.shape, job.case.size)
      await engine.close()
      return { ms, rss: rss() }
    }
    case "check":
      return { checking: Checking.measure(job.case.size) }
    case "cold": {
      const subject = await open()
      await subject.whole("chain", 1)
      const ms = now() - (job.asked ?? performance.timeOrigin)
      await subject.close()
      return { ms }
    }
    case "doomed": {
      // each step is seen from outside, whatever happens to this process
      hit = () => void writeSync(1, "x")
      const go = await (await open()).ready(job.case.shape, job.case.size)
      await go()
      return {}
    }
    case "resume": {
      let first: number | undefined
      const begun = performance.now()
      hit = () => {
        first ??= performance.now() - begun
        hits++
      }
      const engine = await Engine.open(options)
      await engine.resume()
      const ms = performance.now() - begun
      await engine.close()
      return { ms, hits, ...(first === undefined ? {} : { first }) }
    }
  }
}

/** Milliseconds: all together, and of each when they run in turn. */
const clocked = async (subject: Subject, { fresh, inTurn, runs = 1, shape, size }: Case, kind: "measure" | "whole") => {
  const goes = kind === "whole" ? anew(subject, shape, size, runs) : await ready(subject, shape, size, runs, fresh)
  const each: Array<number> = []
  const begun = performance.now()
  if (inTurn === true) {
    for (const go of goes) {
      const before = performance.now()
      await go()
      each.push(performance.now() - before)
    }
  } else await Promise.all(goes.map((go) => go()))
  return { all: performance.now() - begun, each }
}

const anew = (subject: Subject, shape: Shape, size: number, runs: number): Array<Go> =>
  Array.from({ length: runs }, () => () => subject.whole(shape, size))

const ready = async (subject: Subject, shape: Shape, size: number, runs: number, fresh = false) => {
  const goes: Array<Go> = [await subject.ready(shape, size)]
  while (goes.length < runs) goes.push(fresh ? await subject.ready(shape, size) : goes[0]!)
  return goes
}

const alone = (times: number, work: number): number => {
  const begun = performance.now()
  let sum = 0
  for (let i = 0; i < times; i++) sum += fibonacci(work)
  if (sum < 0) throw new Error("not a Fibonacci number")
  return performance.now() - begun
}

const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

// Safe: `run.ts` writes what it has typed as a job.
const job = JSON.parse(process.argv[2] ?? "{}") as Job
const sample = await main(job)
process.stdout.write(`\n${JSON.stringify(sample)}\n`, () => process.exit(0))
