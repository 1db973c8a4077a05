/** The document that a run was created with. */
import type { Gleitzeit } from "@gleitzeit/core"
import { Effect, Option, Stream } from "effect"

export const of = (gleitzeit: Gleitzeit.Gleitzeit["Service"], run: string) =>
  gleitzeit
    .events(run)
    .pipe(
      Stream.runHead,
      Effect.map(
        Option.flatMap(({ event }) => (event._tag === "RunCreated" ? Option.some(event.workflow) : Option.none()))
      ),
      Effect.map(Option.getOrUndefined)
    )
