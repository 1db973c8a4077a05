/** Asking a model for vectors: one request for all texts. */
import { Errors, type Failure, LlmV1, Task, TaskContext, Telemetry } from "@gleitzeit/core"
import { Clock, Effect } from "effect"
import { isCount } from "./OllamaAnswer.ts"
import * as OllamaCost from "./OllamaCost.ts"
import * as OllamaRequest from "./OllamaRequest.ts"
import type { Embedded } from "./OllamaSchema.ts"
import type { Around } from "./OllamaText.ts"

/** An empty text has no vector: it is refused, before anybody is asked. */
export const embed = Effect.fnUntraced(function* (
  { name, pricing, run }: Pick<Around, "name" | "pricing" | "run">,
  method: string,
  params: LlmV1.EmbedParams,
  defaults: OllamaRequest.Defaults
): Effect.fn.Return<LlmV1.Embedding, Failure.Failure, TaskContext.TaskContext> {
  const { isList, texts } = LlmV1.textsOf(params)
  const empty = texts.indexOf("")
  if (empty >= 0) {
    const issue = isList ? `text ${empty + 1} of ${texts.length} is empty, and has no vector` : "the text is empty"
    return yield* new Errors.InvalidParams({ method, issue })
  }
  const start = yield* Clock.currentTimeMillis
  const about = { provider: name, provider_id: name }
  if (texts.length === 0) {
    return {
      embedding: [],
      embeddings: [],
      dimensions: 0,
      result: [],
      model: defaults.model,
      ...about,
      usage: {},
      timing: { total_ms: 0 },
      attempts: 0
    }
  }
  const request = OllamaRequest.embed(params, defaults, texts)
  const { found, url } = yield* run(OllamaRequest.wish(request), ({ client, took, url }) =>
    Effect.map(Effect.andThen(Telemetry.served(url), client.embed(request)), (found) => {
      const { load_duration, total_duration } = found
      if (typeof total_duration === "number") {
        took({
          total: total_duration / 1e6,
          ...(typeof load_duration === "number" ? { load: load_duration / 1e6 } : {})
        })
      }
      return { found, url }
    })
  )
  const { embeddings, load_duration, prompt_eval_count, total_duration } = found
  const model = found.model ?? request.model
  const usage = isCount(prompt_eval_count) ? { input_tokens: prompt_eval_count } : {}
  // nothing is written, so nothing of that can be unknown
  const cost = OllamaCost.of(pricing, model, { ...usage, output_tokens: 0 })
  const task = yield* TaskContext.TaskContext
  const used = { calls: 1, ...usage, output_tokens: 0, ...(cost === undefined ? {} : { cost_usd: cost.usd }) }
  yield* task.usage(Task.ofModel(used))
  const issue = unusable(found, texts.length)
  if (issue !== undefined) return yield* new Errors.InvalidResult({ method, issue: `${url} gives ${issue}` })
  const [embedding = []] = embeddings
  const dimensions = embedding.length
  const { input_tokens } = usage
  const warnings =
    params.dimensions === undefined || params.dimensions === dimensions
      ? []
      : [`the vectors have ${dimensions} numbers, not ${params.dimensions}: the model cannot do otherwise`]
  return {
    embedding,
    embeddings,
    dimensions,
    result: isList ? embeddings : embedding,
    model,
    ...about,
    endpoint: url,
    usage: input_tokens === undefined ? {} : { input_tokens, total_tokens: input_tokens },
    ...(input_tokens === undefined ? {} : { tokens_used: input_tokens }),
    timing: {
      total_ms: (yield* Clock.currentTimeMillis) - start,
      ...(typeof load_duration === "number" ? { load_ms: load_duration / 1e6 } : {})
    },
    ...(typeof total_duration === "number" ? { total_duration } : {}),
    ...(cost === undefined ? {} : { cost }),
    attempts: 1,
    ...(warnings.length === 0 ? {} : { warnings })
  }
})

// internal

/** Which text a vector is of is known by its place alone, so there must be one for each. */
const unusable = ({ embeddings }: Embedded, texts: number): string | undefined => {
  if (embeddings.length !== texts) return `${embeddings.length} vectors for ${texts} texts`
  const [first] = embeddings
  if (first === undefined || first.length === 0) return "a vector without numbers"
  return embeddings.every(({ length }) => length === first.length) ? undefined : "vectors of different lengths"
}
