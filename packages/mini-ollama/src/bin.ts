/**
 * `node src/bin.ts [--port 11434] [--model NAME]... [--say TEXT] [--parallel N] [--max-loaded N] [--max-queue N]
 * [--load-delay MS] [--token-delay MS] [--legacy]`: a mini-ollama in the foreground, until it is interrupted.
 */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import { echo } from "./Answers.ts"
import { standard } from "./Catalog.ts"
import * as MiniOllama from "./MiniOllama.ts"

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "11434" },
    model: { type: "string", multiple: true },
    say: { type: "string" },
    parallel: { type: "string" },
    "max-loaded": { type: "string" },
    "max-queue": { type: "string" },
    "load-delay": { type: "string" },
    "token-delay": { type: "string" },
    legacy: { type: "boolean", default: false }
  }
})

const { legacy, model: models, port, say } = values

/** An option where its flag is given. */
const number = (option: keyof MiniOllama.Options, text: string | undefined) =>
  text === undefined ? {} : { [option]: Number(text) }

/** A model of the catalog can what it can there; any other one writes text. */
const known = (model: string) => standard.find(({ name }) => name === model) ?? model

const main = Effect.gen(function* () {
  const { url } = yield* MiniOllama.start({
    port: Number(port),
    legacy,
    ...(models === undefined ? {} : { models: models.map(known) }),
    ...(say === undefined ? {} : { replies: (asked) => (asked.body.format === undefined ? say : echo(asked)) }),
    ...number("parallel", values.parallel),
    ...number("maxLoaded", values["max-loaded"]),
    ...number("maxQueue", values["max-queue"]),
    ...number("loadDelay", values["load-delay"]),
    ...number("tokenDelay", values["token-delay"])
  })
  yield* Effect.log(`mini-ollama listens on ${url}`)
  return yield* Effect.never
})

const fiber = Effect.runFork(Effect.scoped(main))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => fiber.interruptUnsafe())
