/** When a server may be started again after it has failed to. Knows numbers alone. */
import type { Restart } from "./Server.ts"

/** Until when none is tried. Milliseconds since 1970. */
export interface Rest {
  readonly until: number
  /** As many have failed as may: not only the pause between two tries. */
  readonly isBroken: boolean
}

export class Starts {
  readonly #rules: Restart
  /** When they failed, those of the window. */
  #failed: ReadonlyArray<number> = []
  #inARow = 0

  constructor(rules: Restart) {
    this.#rules = rules
  }

  /** How many failed within the window. */
  get failures(): number {
    return this.#failed.length
  }

  failedAt(now: number): void {
    this.#failed = [...this.#failed.filter((at) => at > now - this.#rules.window), now]
    this.#inARow++
  }

  /** It has answered. */
  succeeded(): void {
    this.#failed = []
    this.#inARow = 0
  }

  restAt(now: number): Rest | undefined {
    const last = this.#failed.at(-1)
    if (last === undefined) return undefined
    const { backoff, max, window } = this.#rules
    const isBroken = this.#failed.length >= max
    const until = last + (isBroken ? window : Math.min(backoff * 2 ** (this.#inARow - 1), window))
    return until > now ? { until, isBroken } : undefined
  }
}
