/** The table of what is measured, and what each number is meant to reach. */
import { type Durability, type Shape, stepsOf } from "./Subject.ts"

/** At least, or at most. */
export type Goal = readonly [sign: "≥" | "≤", value: number]

export interface Case {
  readonly name: string
  readonly shape: Shape
  readonly size: number
  /** How often the workflow is run. Default 1. */
  readonly runs?: number
  /** One run after another, each timed; else all at once. */
  readonly inTurn?: boolean
  /** Too long for a document: an object, checked inside the clock. */
  readonly whole?: boolean
  /** A document of its own for each run; else one serves all. */
  readonly fresh?: boolean
  /** A step computes this Fibonacci number, naively; else it does nothing. */
  readonly fibonacci?: number
  /** Also when the time is short. */
  readonly short?: boolean
  /** Fsyncs a step are counted between this size and `size`. */
  readonly fsyncsFrom?: number
  readonly goals?: { readonly [D in Durability]?: Goals }
}

export interface Goals {
  /** Steps a second as a share of raw single-insert transactions a second. */
  readonly raw?: Goal
  /** Steps a second as a share of the reference's. */
  readonly reference?: Goal
  readonly fsyncs?: Goal
  /** Peak resident memory of the one-file program, MiB. */
  readonly rss?: Goal
  /** Milliseconds. */
  readonly p50?: Goal
  readonly p99?: Goal
  readonly ms?: Goal
  /** Of the time that the work of the steps takes by itself. */
  readonly bare?: Goal
}

export const cases: ReadonlyArray<Case> = [
  { name: "chain 200", shape: "chain", size: 200 },
  {
    name: "chain 1000",
    shape: "chain",
    size: 1000,
    short: true,
    fsyncsFrom: 500,
    goals: {
      process: { raw: ["≥", 0.2], reference: ["≥", 0.35], rss: ["≤", 110] },
      power: { reference: ["≥", 0.6], fsyncs: ["≤", 1.05] }
    }
  },
  { name: "chain 5000", shape: "chain", size: 5000 },
  {
    name: "fan 1000",
    shape: "fan",
    size: 1000,
    goals: { process: { raw: ["≥", 0.45] }, power: { raw: ["≥", 0.45] } }
  },
  {
    name: "fan 10,000",
    shape: "fan",
    size: 10_000,
    short: true,
    fsyncsFrom: 5000,
    goals: { process: { raw: ["≥", 0.8], rss: ["≤", 160] }, power: { raw: ["≥", 0.8], fsyncs: ["≤", 0.05] } }
  },
  { name: "foreach 10,000", shape: "foreach", size: 10_000 },
  { name: "foreach 100,000", shape: "foreach", size: 100_000 },
  { name: "fan 100,000", shape: "fan", size: 100_000, whole: true, goals: { process: { rss: ["≤", 500] } } },
  {
    name: "many 1000 x 3",
    shape: "chain",
    size: 3,
    runs: 1000,
    short: true,
    goals: { process: { raw: ["≥", 0.6] } }
  },
  { name: "many 1000 x 3, a document each", shape: "chain", size: 3, runs: 1000, fresh: true },
  {
    name: "latency of 1 step",
    shape: "chain",
    size: 1,
    runs: 200,
    inTurn: true,
    short: true,
    goals: { process: { p50: ["≤", 0.15], p99: ["≤", 3] }, power: { p50: ["≤", 1] } }
  },
  {
    name: "windmill40: 40 x fibo(10)",
    shape: "chain",
    size: 40,
    fibonacci: 10,
    short: true,
    goals: { process: { ms: ["≤", 6] }, power: { ms: ["≤", 20] } }
  },
  {
    name: "windmill10: 10 x fibo(33)",
    shape: "chain",
    size: 10,
    fibonacci: 33,
    goals: { process: { bare: ["≤", 1.03] } }
  }
]

/** What is not a table of runs. Seconds; milliseconds; ratios; steps; milliseconds. */
export const otherGoals = {
  coldLibrary: ["≤", 0.15],
  coldCommand: ["≤", 0.2],
  /** Reading and proving 1,000 tasks, warm; and by the `yaml` library's own time for the text. */
  check: ["≤", 150],
  checkByYaml: ["≤", 2],
  /** Steps a second of chain 5000, of those of chain 200. */
  scaling: ["≥", 0.8],
  /** In a chain one is under way. */
  rerun: ["≤", 1],
  firstStep: ["≤", 50]
} satisfies { readonly [name: string]: Goal }

/** All runs together. */
export const steps = ({ runs = 1, shape, size }: Case): number => runs * stepsOf(shape, size)

/** Untimed, before it: the same in small, so that what is measured is no program that has just begun. */
export const small = (one: Case): Case =>
  one.runs === undefined
    ? { ...one, size: Math.min(one.size, (one.fibonacci ?? 0) > 20 ? 1 : 10) }
    : { ...one, runs: Math.min(one.runs, one.inTurn === true ? 5 : 10) }

export const fibonacci = (n: number): number => (n <= 1 ? n : fibonacci(n - 1) + fibonacci(n - 2))
