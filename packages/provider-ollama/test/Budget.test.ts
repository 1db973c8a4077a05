/** Budgets around real calls: a model's tokens and what they cost, counted on a server that answers. */
import { Gleitzeit, Prices, type Run, type Workflow, WorkflowFile } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Engine } from "@gleitzeit/testkit"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Stream } from "effect"
import { OllamaProvider } from "../src/index.ts"

/** Answers a prompt of three words with four: `Echo:` and the three. */
const prompt = "say it again"
const one = { calls: 1, input_tokens: 3, output_tokens: 4 }

/** A dollar for each token in, two for each out: 11 for a call. */
const dear = Prices.fromTable({ "llama3.*": { input: 1e6, output: 2e6 } })

const scene = (options: { readonly mini?: MiniOllama.Options; readonly pricing?: Prices.Pricing } = {}) =>
  Effect.map(MiniOllama.start(options.mini), (mini) => ({
    mini,
    asked: () => mini.requests().filter(({ path }) => path === "/api/chat").length,
    engine: Engine.layer({
      provider: OllamaProvider.layer({ url: mini.url }).pipe(
        Layer.provide(Layer.succeed(Prices.Prices, options.pricing ?? Prices.nothing))
      )
    })
  }))

const document = (text: string): Workflow.Workflow => {
  const { diagnostics, workflow } = WorkflowFile.parse({ text: `{ name: costs, ${text} }` })
  if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
  return workflow
}

const ask = (id: string, more = "") => `{ id: ${id}, method: llm/chat, params: { prompt: ${prompt} }${more} }`

/** So many asks, one after the other unless it is said how many at once. */
const asks = (count: number, atOnce = 1, more = "") =>
  document(
    `max_concurrency: ${atOnce}, tasks: [${ask("w", `, foreach: [${Array.from({ length: count }, (_, i) => i).join(", ")}]${more}`)}]`
  )

const ran = (workflow: Workflow.Workflow, options?: Gleitzeit.RunOptions) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { run } = yield* gleitzeit.run(workflow, options)
    return yield* gleitzeit.get(run)
  })

const standing = ({ status, usage, waiting }: Run.Report) => [status, waiting.map(({ request }) => request), usage]

const times = (count: number, more: object = {}) => ({
  calls: count,
  input_tokens: 3 * count,
  output_tokens: 4 * count,
  ...more
})

describe("a budget around calls of a model", () => {
  it.live("of calls is met to the call, and a higher one goes on where it stood", () =>
    Effect.gen(function* () {
      const { asked, engine } = yield* scene()
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const rested = yield* ran(asks(5, 5), { budget: { calls: 3 } })
        assert.deepStrictEqual(standing(rested), ["waiting", ["budget"], times(3, { cost_usd: 0 })])
        assert.strictEqual(asked(), 3)
        yield* gleitzeit.respond(rested.run, "budget", { calls: 5 })
        yield* gleitzeit.wait(rested.run)
        assert.deepStrictEqual(standing(yield* gleitzeit.get(rested.run)), ["completed", [], times(5, { cost_usd: 0 })])
        assert.strictEqual(asked(), 5)
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("of tokens is passed by no more than the call that was under way, one at a time", () =>
    Effect.gen(function* () {
      const { asked, engine } = yield* scene()
      yield* Effect.gen(function* () {
        const rested = yield* ran(asks(9), { budget: { tokens: 20 } })
        assert.strictEqual(rested.status, "waiting")
        const { input_tokens = 0, output_tokens = 0 } = rested.usage
        assert.isAtMost(input_tokens + output_tokens, 20 + 7)
        assert.strictEqual(input_tokens + output_tokens, 7 * asked())
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("of dollars counts what the table says, and rests the run when they are used", () =>
    Effect.gen(function* () {
      const { asked, engine } = yield* scene({ pricing: dear })
      yield* Effect.gen(function* () {
        const rested = yield* ran(asks(9), { budget: { cost_usd: 33 } })
        assert.deepStrictEqual(standing(rested), ["waiting", ["budget"], times(3, { cost_usd: 33 })])
        assert.strictEqual(asked(), 3)
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("is passed by at most what the calls under way use that say nothing before", () =>
    Effect.gen(function* () {
      const { asked, engine } = yield* scene({ pricing: dear })
      yield* Effect.gen(function* () {
        const rested = yield* ran(asks(20, 4), { budget: { cost_usd: 40 } })
        assert.strictEqual(rested.status, "waiting")
        assert.strictEqual(rested.usage.cost_usd, 11 * asked())
        assert.isAtMost(rested.usage.cost_usd ?? 0, 40 + 4 * 11)
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("of a task fails that task alone", () =>
    Effect.gen(function* () {
      const { engine } = yield* scene({ pricing: dear })
      yield* Effect.gen(function* () {
        const tasks = [ask("w", ", foreach: [1, 2, 3], budget: { cost_usd: 22 }, on_error: continue"), ask("other")]
        const report = yield* ran(document(`max_concurrency: 1, tasks: [${tasks.join(", ")}]`))
        assert.strictEqual(report.tasks["w[2]"]?.error?.name, "BUDGET_EXCEEDED")
        assert.deepStrictEqual(
          [report.tasks["w[1]"]?.usage, report.tasks["other"]?.usage?.cost_usd],
          [{ ...one, cost_usd: 11 }, 11]
        )
        assert.strictEqual(report.usage.cost_usd, 33)
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("goes on counting where an interrupted run has stopped", () =>
    Effect.gen(function* () {
      const begun = Latch.makeUnsafe()
      let calls = 0
      const voice = ({ text }: { readonly text: string }) => {
        const words = Stream.fromIterable(["Echo: ", ...text.split(/(?<= )/)])
        if (++calls !== 3) return words
        return Stream.unwrap(Effect.sync(() => (begun.openUnsafe(), Stream.never)))
      }
      const { engine } = yield* scene({ mini: { voice }, pricing: dear })
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const running = yield* Effect.forkChild(gleitzeit.run(asks(9), { budget: { calls: 5 } }))
        yield* Latch.await(begun)
        yield* Fiber.interrupt(running)
        const [{ run } = { run: "" }] = (yield* gleitzeit.list({})).items
        yield* gleitzeit.resume(run)
        yield* gleitzeit.wait(run)
        const rested = yield* gleitzeit.get(run)
        assert.deepStrictEqual([rested.status, rested.usage.calls], ["waiting", 5])
        const sum = Object.values(rested.tasks).reduce((sum, { usage }) => sum + (usage?.calls ?? 0), 0)
        assert.strictEqual(sum, 5)
      }).pipe(Effect.provide(engine))
    })
  )
})

describe("what a run has cost", () => {
  it.live("is nothing on one's own machine, and in the reply too", () =>
    Effect.gen(function* () {
      const { engine } = yield* scene()
      yield* Effect.gen(function* () {
        const report = yield* ran(document(`tasks: [${ask("a")}]`))
        assert.strictEqual(report.usage.cost_usd, 0)
        assert.deepInclude(report.tasks["a"]?.result, { cost: { usd: 0, source: "local" } })
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("is at least so much where a price needs tokens that a server did not count", () =>
    Effect.gen(function* () {
      const replies = ({ text }: { readonly text: string }) => ({ chunks: [text], metrics: text !== "uncounted" })
      const { engine } = yield* scene({ mini: { replies }, pricing: dear })
      yield* Effect.gen(function* () {
        const uncounted = "{ id: b, method: llm/chat, params: { prompt: uncounted } }"
        const report = yield* ran(document(`tasks: [${ask("a")}, ${uncounted}]`))
        assert.strictEqual(report.status, "completed")
        assert.notProperty(report.tasks["b"]?.usage ?? {}, "cost_usd")
        assert.notProperty(report.tasks["b"]?.result, "cost")
        assert.deepStrictEqual(report.usage.at_least, ["input_tokens", "output_tokens", "cost_usd"])
      }).pipe(Effect.provide(engine))
    })
  )

  it.live("is counted once for a result that comes from the cache", () =>
    Effect.gen(function* () {
      const { asked, engine } = yield* scene({ pricing: dear })
      yield* Effect.gen(function* () {
        const cached = document(`tasks: [${ask("a", ", cache: true")}]`)
        const first = yield* ran(cached)
        const second = yield* ran(cached)
        assert.deepStrictEqual([first.usage.cost_usd, second.usage, second.tasks["a"]?.cached], [11, {}, true])
        assert.strictEqual(asked(), 1)
      }).pipe(Effect.provide(engine))
    })
  )
})
