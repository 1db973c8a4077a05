import { assert, it } from "@effect/vitest"
import { Gleitzeit } from "@gleitzeit/core"
import { Engine, ProviderTest } from "@gleitzeit/testkit"
import { Effect } from "effect"
import { GreetProvider } from "../src/index.ts"

ProviderTest.suite("greet", GreetProvider.layer())

it.effect("a language without a word fails the task, and the failure says which there are", () =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { run, status } = yield* gleitzeit.call("greet/hello", { name: "Ada", language: "la" })
    assert.strictEqual(status, "failed")
    const { tasks } = yield* gleitzeit.get(run)
    assert.include(tasks["call"]?.error?.message, `no word in "la" (known: en, fr)`)
  }).pipe(Effect.provide(Engine.layer({ provider: GreetProvider.layer({ words: { en: "Hello", fr: "Bonjour" } }) })))
)
