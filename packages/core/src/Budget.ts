/** What may still be used: limits, and what calls under way may use at most. Knows no store and no provider. */
import { exact, type Millis, type Usage } from "./Task.ts"
import type { Budget } from "./Workflow.ts"

/** The limit that has no room, what has been used of it, and what it is. */
export interface Shortage {
  readonly limit: "tokens" | "cost_usd" | "calls" | "duration"
  readonly used: number
  readonly of: number
}

/** Of a limit, before it is said that little is left. */
const soft = 0.8

/** Of a call under way: what it may use at most, and what it has used so far, which may be more. */
export interface Hold {
  readonly estimate: Usage
  readonly soFar: () => Usage | undefined
}

export class Ledger {
  limits: Budget
  /** When it began to be used, in milliseconds since 1970; absent: it is told by `overtime` that its time is up. */
  readonly since: Millis | undefined
  /** Time is up; milliseconds. */
  overtime: number | undefined
  readonly #holds = new Set<Hold>()

  constructor(limits: Budget, since?: Millis) {
    this.limits = limits
    this.since = since
  }

  /** Whether calls under way hold back what they may not use. */
  get isHolding(): boolean {
    return this.#holds.size > 0
  }

  /**
   * Room for one more call, held back until `settle`. `used`: by calls that are over. What is not known of the estimate
   * counts nothing: such a call begins while anything is left.
   */
  reserve(used: Usage, hold: Hold, now: Millis): Shortage | undefined {
    const { duration } = this.limits
    const time = this.overtime ?? (this.since === undefined ? 0 : now - this.since)
    if (duration !== undefined && time >= duration) return { limit: "duration", used: time, of: duration }
    for (const limit of counted) {
      const of = this.limits[limit]
      if (of === undefined) continue
      let gone = amount(limit, used)
      let held = 0
      for (const other of this.#holds) {
        const soFar = amount(limit, other.soFar() ?? {})
        gone += soFar
        held += Math.max(0, amount(limit, one(other.estimate)) - soFar)
      }
      gone = exact(gone)
      if (gone >= of || exact(gone + held + amount(limit, one(hold.estimate))) > of) return { limit, used: gone, of }
    }
    this.#holds.add(hold)
    return undefined
  }

  /** The call is over; what it has used is counted. */
  settle(hold: Hold): void {
    this.#holds.delete(hold)
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
