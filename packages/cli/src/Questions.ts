/** What a watcher learns of a run's questions: that there may be one to ask, and that one needs no answer any longer. */
import type { Event } from "@gleitzeit/core"
import { Deferred, Effect, Queue } from "effect"

export class Questions {
  static readonly make = Effect.map(Queue.sliding<void>(1), (queue) => new Questions(queue))

  /** Nobody is there to be asked any longer. */
  left = false
  readonly #asked: Queue.Queue<void>
  #current: { readonly request: string; readonly settled: Deferred.Deferred<boolean> } | undefined

  private constructor(asked: Queue.Queue<void>) {
    this.#asked = asked
  }

  /** There may be something to ask. */
  get asked(): Effect.Effect<void> {
    return Queue.take(this.#asked)
  }

  /** There may be another. */
  again(): void {
    Queue.offerUnsafe(this.#asked, undefined)
  }

  observe(event: Event.Event): void {
    switch (event._tag) {
      case "TaskSuspended":
      case "BudgetExceeded":
      case "Continued":
        return this.again()
      case "Answered":
      case "Expired":
        return this.#settle(event.request)
      case "BudgetRaised":
        return this.#settle("budget")
      case "CancelRequested":
      case "PauseRequested":
      case "RunCompleted":
      case "RunFailed":
      case "RunCancelled":
        return this.#settle(this.#current?.request)
    }
  }

  /** Gives up when the question is none any longer, which is neither an answer nor the end of answers. */
  unlessSettled<E, R>(request: string, ask: Effect.Effect<boolean | undefined, E, R>) {
    return Effect.suspend(() => {
      const settled = Deferred.makeUnsafe<boolean>()
      this.#current = { request, settled }
      return Effect.ensuring(
        Effect.raceFirst(ask, Deferred.await(settled)),
        Effect.sync(() => (this.#current = undefined))
      )
    })
  }

  #settle(request: string | undefined): void {
    if (this.#current?.request === request && this.#current !== undefined) {
      Deferred.doneUnsafe(this.#current.settled, Effect.succeed(false))
    }
  }
}
