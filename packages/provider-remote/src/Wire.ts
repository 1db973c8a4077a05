/** What carries calls to a remote provider and their answers back: HTTP, or a process of ours. */
import type { Failure, JsonRpc } from "@gleitzeit/core"
import type { Effect, Schema, Stream } from "effect"

/** What is told of a call before its answer: the name of the notification, and its params without the id. */
export interface Told {
  readonly event: string
  readonly params: { readonly [name: string]: Schema.Json }
}

export interface Asking {
  /** Milliseconds until the answer is complete. */
  readonly timeout: number
  /** For the failure when it takes longer: `answering rates/convert`. */
  readonly phase: string
  /** Whether the other side heeds `$/cancelRequest`. */
  readonly cancel: boolean
  /** Whether a number that cannot be held as it is written makes the result a wrong one. */
  readonly isExact: boolean
  readonly told: (told: Told) => Effect.Effect<void>
}

export interface Wire {
  /** For people: the URL, or the command. */
  readonly where: string
  /** Whether what is told of a call reaches this side. */
  readonly tells: boolean
  /** One request and its answer. Interrupted, it lets go of the answer, and says so to the other side when that listens. */
  readonly ask: (
    method: string,
    params: JsonRpc.Params | undefined,
    asking: Asking
  ) => Effect.Effect<Schema.Json, Failure.Failure>
  /** Whether asking would begin nothing that is not there yet. */
  readonly isOpen: Effect.Effect<boolean>
  /** One element whenever the other side may have become another. */
  readonly renewed: Stream.Stream<void>
}
