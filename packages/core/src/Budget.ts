/** What may still be used: limits, and what calls under way may use at most. Knows no store and no provider. */
import type { Millis, Usage } from "./Task.ts"
import type { Budget } from "./Workflow.ts"

/** The limit that has no room, what has been used of it, and what it is. */
export interface Shortage {
  readonly limit: "tokens" | "cost_usd" | "calls" | "duration"
  readonly used: number
  readonly of: number
}

/** Of a limit, before it is said that little is left. */
const soft = 0.8

export class Ledger {
  limits: Budget
  /** When it began to be used, in milliseconds since 1970; absent: it is told by `overtime` that its time is up. */
  readonly since: Millis | undefined
  /** Time is up; milliseconds. */
  overtime: number | undefined
  readonly #reserved = { tokens: 0, cost_usd: 0, calls: 0 }

  constructor(limits: Budget, since?: Millis) {
    this.limits = limits
    this.since = since
  }

  /** Whether calls under way hold back what they may not use. */
  get isHolding(): boolean {
    return this.#reserved.calls > 0
  }

  /** Room for one call that uses at most `estimate` (what is not known counts nothing), held back until `settle`. */
  reserve(used: Usage, estimate: Usage, now: Millis): Shortage | undefined {
    const { duration } = this.limits
    const time = this.overtime ?? (this.since === undefined ? 0 : now - this.since)
    if (duration !== undefined && time >= duration) return { limit: "duration", used: time, of: duration }
    for (const limit of counted) {
      const of = this.limits[limit]
      if (of === undefined) continue
      const gone = amount(limit, used)
      if (gone >= of || gone + this.#reserved[limit] + amount(limit, one(estimate)) > of)
        return { limit, used: gone, of }
    }
    for (const limit of counted) this.#reserved[limit] += amount(limit, one(estimate))
    return undefined
  }

  /** The call is over; what it has used is known. */
  settle(estimate: Usage): void {
    for (const limit of counted) this.#reserved[limit] -= amount(limit, one(estimate))
  }

  /** Limits of which four fifths are used. */
  low(used: Usage): ReadonlyArray<Shortage> {
    return counted.flatMap((limit) => {
      const of = this.limits[limit]
      const gone = amount(limit, used)
      return of === undefined || gone < of * soft ? [] : [{ limit, used: gone, of }]
    })
  }
}

// internal

const counted = ["tokens", "cost_usd", "calls"] as const

const one = (estimate: Usage): Usage => ({ ...estimate, calls: estimate.calls ?? 1 })

const amount = (limit: (typeof counted)[number], usage: Usage): number =>
  limit === "tokens" ? (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0) : (usage[limit] ?? 0)
