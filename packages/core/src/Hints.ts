/**
 * Who in this process waits for news about a topic. For stores: it tells that something has changed, not what, and a
 * hint that nobody has taken yet stands for all that came after it. It is no queue of events.
 */
import { Effect, Queue, type Scope, Stream } from "effect"

export class Hints {
  readonly #listeners = new Map<string, Set<() => void>>()

  /** The topics that somebody waits for. */
  get topics(): ReadonlyArray<string> {
    return [...this.#listeners.keys()]
  }

  notify(topic: string): void {
    const listeners = this.#listeners.get(topic)
    if (listeners !== undefined) for (const listener of listeners) listener()
  }

  /** One element at once, then one or more after every `notify`. `open` runs first and is closed with the stream. */
  stream<E = never>(topic: string, open: Effect.Effect<unknown, E, Scope.Scope> = Effect.void): Stream.Stream<void, E> {
    return Stream.callback<void, E>(
      (queue) =>
        Effect.andThen(
          open,
          Effect.acquireRelease(
            Effect.sync(() => this.#listen(topic, () => void Queue.offerUnsafe(queue, undefined))),
            (silence) => Effect.sync(silence)
          )
        ),
      { bufferSize: 1, strategy: "dropping" }
    )
  }

  // internal

  #listen(topic: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    listener()
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic)
    }
  }
}
