/** Runs as people name them: an id, its beginning when no other run has the same, `latest`. */
import { Errors, type Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import { Argument } from "./Cli.ts"
import { UsageError } from "./ExitCode.ts"

export const argument = Argument.String("run").pipe(
  Argument.withMetavar("RUN"),
  Argument.withDescription("Id of a run, its beginning, or latest")
)

/** The whole id. */
export const resolve = Effect.fn("gleitzeit.resolve")(function* (
  gleitzeit: Gleitzeit.Gleitzeit["Service"],
  name: string
) {
  if (name === "latest" || name === "last") {
    const { items } = yield* gleitzeit.list({ limit: 1 })
    const [latest] = items
    return latest === undefined ? yield* new Errors.RunNotFound({ run: name }) : latest.run
  }
  const wanted = name.toUpperCase()
  if (wanted.length >= length) return wanted
  if (wanted === "") return yield* new Errors.RunNotFound({ run: name })
  const found: Array<string> = []
  let cursor: string | undefined
  do {
    const page = yield* gleitzeit.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    for (const { run } of page.items) if (run.startsWith(wanted)) found.push(run)
    cursor = page.next
  } while (cursor !== undefined)
  const [only, ...others] = found
  if (only === undefined) return yield* new Errors.RunNotFound({ run: name })
  if (others.length > 0) {
    const some = found.slice(0, 5).join(", ")
    const issue = `${found.length} runs begin with "${name}": ${some}${found.length > 5 ? ", …" : ""}`
    return yield* new UsageError({ issue })
  }
  return only
})

// internal

/** Of a ULID. */
const length = 26
