/** Things to do at a time: retries, deadlines. One sleeping fiber for all of them, none for those who wait. */
import { type Clock, Effect, type Fiber } from "effect"
import type { Millis } from "./Task.ts"

interface Entry {
  readonly at: Millis
  /** Undefined: it is not wanted any more. */
  ring: (() => void) | undefined
}

export class Alarm {
  readonly #clock: Clock.Clock
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Earliest last. */
  readonly #entries: Array<Entry> = []
  #sleeping: { readonly until: Millis; readonly fiber: Fiber.Fiber<void> } | undefined

  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>) {
    this.#clock = clock
    this.#fork = fork
  }

  /** Rings once, at the time or as soon as possible after it, but not before `set` is done. Gives a way to have it not ring. */
  set(at: Millis, ring: () => void): () => void {
    const entry: Entry = { at, ring }
    const entries = this.#entries
    let place = 0
    for (let end = entries.length; place < end;) {
      const middle = (place + end) >> 1
      if (entries[middle]!.at > at) place = middle + 1
      else end = middle
    }
    entries.splice(place, 0, entry)
    this.#arm()
    return () => {
      // left where it is: finding it among many thousands is what would cost
      entry.ring = undefined
    }
  }

  /** Rings no more. */
  close(): void {
    this.#entries.length = 0
    this.#sleeping?.fiber.interruptUnsafe()
  }

  // internal

  #arm(): void {
    const next = this.#entries.at(-1)
    if (next === undefined || (this.#sleeping !== undefined && this.#sleeping.until <= next.at)) return
    this.#sleeping?.fiber.interruptUnsafe()
    const left = next.at - this.#clock.currentTimeMillisUnsafe()
    const fiber = this.#fork(
      Effect.andThen(
        // never at once: whoever sets an alarm has what `set` gives before it rings
        left > 0 ? Effect.sleep(left) : Effect.yieldNow,
        Effect.sync(() => {
          this.#sleeping = undefined
          this.#ring()
        })
      )
    )
    this.#sleeping = { until: next.at, fiber }
  }

  #ring(): void {
    const now = this.#clock.currentTimeMillisUnsafe()
    for (let entry = this.#entries.at(-1); entry !== undefined && entry.at <= now; entry = this.#entries.at(-1)) {
      this.#entries.pop()
      entry.ring?.()
    }
    this.#arm()
  }
}
