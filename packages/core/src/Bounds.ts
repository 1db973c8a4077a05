/** What a part of a workflow uses at least and at most, and how such bounds add up. Pure. */
import type { Usage } from "./Task.ts"

/** `most: null`: unknown, or without a limit. */
export interface Range {
  readonly least: number
  readonly most: number | null
}

/** `least`: when nothing fails and whatever is uncertain stays out. `most`: when every attempt is needed. */
export interface Bounds {
  /** As a budget counts them; a call that is begun again with an answer is one. */
  readonly calls: Range
  readonly input_tokens: Range
  readonly output_tokens: Range
  readonly cost_usd: Range
}

/** What is over without a call: a task that is skipped, a result that is kept. */
export const zero: Bounds = ((nothing: Range): Bounds => ({
  calls: nothing,
  input_tokens: nothing,
  output_tokens: nothing,
  cost_usd: nothing
}))({ least: 0, most: 0 })

/** One call with so many attempts at most, of which each uses at most so much. */
export const ofCall = (attempts: number, estimate: Usage): Bounds => {
  const upTo = (most: number | undefined) => ({ least: 0, most: most === undefined ? null : attempts * most })
  return {
    calls: { least: 1, most: attempts * (estimate.calls ?? 1) },
    input_tokens: upTo(estimate.input_tokens),
    output_tokens: upTo(estimate.output_tokens),
    cost_usd: upTo(estimate.cost_usd)
  }
}

export const sum = (all: ReadonlyArray<Bounds>): Bounds =>
  all.reduce((a, b) => each((key) => plus(a[key], b[key])), zero)

/** Each of so many. */
export const times = (bounds: Bounds, count: Range): Bounds => each((key) => product(bounds[key], count))

/** It may be left out. */
export const optional = (bounds: Bounds): Bounds => each((key) => ({ least: 0, most: bounds[key].most }))

// internal

const each = (range: (key: keyof Bounds) => Range): Bounds => ({
  calls: range("calls"),
  input_tokens: range("input_tokens"),
  output_tokens: range("output_tokens"),
  cost_usd: range("cost_usd")
})

const plus = (a: Range, b: Range): Range => ({
  least: a.least + b.least,
  most: a.most === null || b.most === null ? null : a.most + b.most
})

const product = (a: Range, b: Range): Range => ({
  least: a.least * b.least,
  // nothing is nothing however often
  most: a.most === 0 || b.most === 0 ? 0 : a.most === null || b.most === null ? null : a.most * b.most
})
