/** `/api/pull`: the lines of a download that does not take place. */
import { Stream, type Schema } from "effect"
import { type Answer, type Body, failure, json } from "./Answers.ts"
import { type Model, summary } from "./Catalog.ts"

/** `done` is called before the last line is sent. A model that nobody has is an error at status 200, as with Ollama. */
export const answer = (model: Model | undefined, { stream = true }: Body, done: (model: Model) => void): Answer => {
  const lines =
    model === undefined ? absent : Stream.concat(Stream.fromIterable(progress(model)), finished(model, done))
  if (stream) return { status: 200, stream, lines: Stream.map(lines, (line) => JSON.stringify(line)) }
  if (model === undefined) return failure(500, notFound)
  done(model)
  return json({ status: "success" })
}

// internal

const notFound = "pull model manifest: file does not exist"

const absent: Stream.Stream<Schema.Json> = Stream.make({ status: "pulling manifest" }, { error: notFound })

const finished = (model: Model, done: (model: Model) => void): Stream.Stream<Schema.Json> =>
  Stream.sync(() => {
    done(model)
    return { status: "success" }
  })

const progress = (model: Model): ReadonlyArray<Schema.Json> => {
  const { digest, size: total } = summary(model)
  const layer = { status: `pulling ${digest.slice(0, 12)}`, digest: `sha256:${digest}`, total }
  return [
    { status: "pulling manifest" },
    layer,
    ...[0.25, 0.5, 0.75, 1].map((part) => ({ ...layer, completed: total * part })),
    { status: "verifying sha256 digest" },
    { status: "writing manifest" }
  ]
}
