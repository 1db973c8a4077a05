/** What is never recorded (attempts beginning, tokens, progress), for whoever watches a run of this process. */
import type { Chunk, Millis, TaskPath } from "./Task.ts"

export type Live =
  | { readonly _tag: "Started"; readonly task: TaskPath; readonly attempt: number; readonly at: Millis }
  | {
      readonly _tag: "Chunk"
      readonly task: TaskPath
      readonly attempt: number
      /** From 0 within the attempt, without gaps. */
      readonly index: number
      readonly chunk: Chunk
    }

/** `after`: the sequence of the event that it follows. */
type Listener = (live: Live, after: number) => void

/** Nobody listening costs a look-up. Listeners must not block. */
export class Feed {
  readonly #listeners = new Map<string, Set<Listener>>()

  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  publish(run: string, live: Live, after: number): void {
    const listeners = this.#listeners.get(run)
    if (listeners !== undefined) for (const listener of listeners) listener(live, after)
  }

  /** Gives a way to stop listening. */
  listen(run: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(run) ?? new Set()
    this.#listeners.set(run, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(run) === listeners) this.#listeners.delete(run)
    }
  }
}
