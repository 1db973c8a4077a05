/** Looks after everybody who is registered, now and then. One sleeping fiber for all of them, none when there is nobody. */
import { type Clock, Effect, type Fiber } from "effect"
import type { Millis } from "./Task.ts"

export interface Watched {
  readonly look: (now: Millis) => void
}

export class Rounds {
  readonly #clock: Clock.Clock
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #every: number
  readonly #watched = new Set<Watched>()
  #walking: Fiber.Fiber<void> | undefined

  /** `every`: milliseconds between two rounds. */
  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, every: number) {
    this.#clock = clock
    this.#fork = fork
    this.#every = every
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    this.#walking ??= this.#fork(this.#walk)
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched)
  }

  close(): void {
    this.#watched.clear()
    this.#walking?.interruptUnsafe()
  }

  // internal

  readonly #walk: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Effect.sleep(this.#every),
      Effect.suspend(() => {
        const now = this.#clock.currentTimeMillisUnsafe()
        for (const watched of this.#watched) watched.look(now)
        if (this.#watched.size > 0) return this.#walk
        this.#walking = undefined
        return Effect.void
      })
    )
  )
}
