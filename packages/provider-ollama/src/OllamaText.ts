/** Asking a model for text: what it says streams on, is put together, and is asked for again where it is not usable. */
import { Errors, type Failure, LlmV1, type Prices, Task, TaskContext, Telemetry } from "@gleitzeit/core"
import { Clock, Effect, Option, Result } from "effect"
import type { Run } from "./Hub.ts"
import { Answer, durationOf, timingOf, tokensOf, type Wanted } from "./OllamaAnswer.ts"
import type { OllamaClient } from "./OllamaClient.ts"
import * as OllamaCost from "./OllamaCost.ts"
import * as OllamaRequest from "./OllamaRequest.ts"
import { fullName, type Request } from "./OllamaSchema.ts"
import * as OllamaWarnings from "./OllamaWarnings.ts"

export interface Around {
  /** Of the provider. */
  readonly name: string
  readonly run: Run
  readonly pricing: Prices.Pricing
  /** Requests beyond the first for JSON that is not what was asked for. */
  readonly repair: number
  /** Tokens that fit into models as they are loaded, by what `contextOf` looks them up by. */
  readonly contexts: Map<string, number>
}

export interface Asked {
  readonly method: string
  readonly route: "chat" | "generate"
  readonly request: Request
  readonly wanted: Wanted
  /** Tokens of the answer at most, where the task says so. */
  readonly most: number | undefined
}

export const ask = Effect.fnUntraced(function* (
  around: Around,
  asked: Asked
): Effect.fn.Return<LlmV1.Reply, Failure.Failure, TaskContext.TaskContext> {
  const task = yield* TaskContext.TaskContext
  const { method, most, wanted } = asked
  const isLimited = most !== undefined
  const start = yield* Clock.currentTimeMillis
  const answers: Array<Answer> = []
  const issues: Array<string> = []
  let { request } = asked
  while (true) {
    const { answer, loaded, url } = yield* once(around, { ...asked, request }, start)
    answers.push(answer)
    const model = answer.model ?? request.model
    const spent = OllamaCost.of(around.pricing, model, answer.tokens)
    yield* task.usage(Task.ofModel({ ...answer.tokens, ...(spent === undefined ? {} : { cost_usd: spent.usd }) }))
    const found = answer.read(wanted)
    const about = { answer, isLimited, loaded, request }
    if (Result.isSuccess(found)) {
      const usage = tokensOf(answers)
      const duration = durationOf(answers)
      const cost = OllamaCost.of(around.pricing, model, { ...usage, calls: answers.length })
      const warnings = [
        ...OllamaWarnings.of(about),
        ...issues.map((issue) => `an answer was not what was asked for, and was put right: ${issue}`)
      ]
      const reasoning = answer.reasoning
      return LlmV1.reply({
        content: answer.content,
        result: found.success,
        ...(reasoning === "" ? {} : { reasoning }),
        model,
        provider: around.name,
        endpoint: url,
        finish_reason: answer.finish_reason,
        usage,
        timing: timingOf(answers, (yield* Clock.currentTimeMillis) - start),
        ...(duration === undefined ? {} : { total_duration: duration }),
        ...(cost === undefined ? {} : { cost }),
        attempts: answers.length,
        ...(warnings.length === 0 ? {} : { warnings })
      })
    }
    const issue = found.failure
    const raw = answer.content.slice(0, shown)
    if (answer.finish_reason === "length") {
      return yield* new Errors.OutputCutOff({ method, limit: OllamaWarnings.limit(about), raw })
    }
    if (issues.length >= around.repair) {
      return yield* new Errors.OutputInvalid({ method, issue, raw, attempts: answers.length })
    }
    issues.push(issue)
    yield* task.emit({ _tag: "Log", level: "warning", message: `${issue}; it is asked once more` })
    request = OllamaRequest.repaired(asked.request, answer.content, issue)
  }
})

// internal

/** Characters of an answer, what was reasoned included. */
const largest = 16 * 1024 ** 2

/** Characters of an unusable answer that its failure keeps. */
const shown = 2000

/** One request, and its answer. `start`: milliseconds since 1970. */
const once = Effect.fnUntraced(function* (around: Around, { most, request, route }: Asked, start: number) {
  const task = yield* TaskContext.TaskContext
  const clock = yield* Clock.Clock
  return yield* around.run(OllamaRequest.wish(request, most), ({ client, published, took, url }) =>
    Effect.gen(function* () {
      const answer = new Answer()
      yield* Telemetry.served(url)
      yield* client
        .ask(route, request, (part) =>
          Effect.suspend(() => {
            const { reasoning, text } = answer.add(part, clock.currentTimeMillisUnsafe() - start)
            if (answer.size > largest) {
              return Effect.fail(new Errors.ResultTooLarge({ size: answer.size, limit: largest }))
            }
            const counted = answer.count === 1 ? task.usage({ calls: 1 }) : Effect.void
            if (reasoning === "" && text === "") return counted
            published()
            const thought = reasoning === "" ? Effect.void : task.emit({ _tag: "Reasoning", text: reasoning })
            const said = text === "" ? Effect.void : task.emit({ _tag: "Text", text })
            return Effect.andThen(counted, Effect.andThen(thought, said))
          })
        )
        .pipe(
          // cut off: what it has used until then no server tells
          Effect.onError(() => (answer.count === 0 ? Effect.void : task.usage(Task.ofModel({}))))
        )
      const { times } = answer
      if (times !== undefined) took(times)
      return { answer, url, loaded: yield* contextOf(around.contexts, client, url, request, answer) }
    })
  )
})

/** A prompt that is shorter was not cut by any model that is in use. Tokens. */
const short = 500

/** Milliseconds. */
const contextTimeout = 500

/** How much a model holds: asked once for each, and only where it may matter. */
const contextOf = (
  contexts: Map<string, number>,
  client: OllamaClient,
  url: string,
  request: Request,
  { finish_reason, tokens }: Answer
): Effect.Effect<number | undefined> => {
  const name = fullName(request.model)
  const key = `${url} ${name} ${OllamaRequest.option(request, "num_ctx") ?? ""}`
  const known = contexts.get(key)
  if (known !== undefined) return Effect.succeed(known)
  const most = OllamaRequest.option(request, "num_predict") ?? Infinity
  const ranOut = finish_reason === "length" && (tokens.output_tokens ?? 0) < (most < 0 ? Infinity : most)
  if ((tokens.input_tokens ?? 0) < short && !ranOut) return Effect.undefined
  return client.loaded.pipe(
    Effect.timeoutOption(contextTimeout),
    Effect.map((found) => Option.getOrElse(found, () => []).find((model) => fullName(model.name) === name)),
    Effect.map((model) => {
      const context = model?.context
      if (context !== undefined) contexts.set(key, context)
      return context
    }),
    Effect.orElseSucceed(() => undefined)
  )
}
