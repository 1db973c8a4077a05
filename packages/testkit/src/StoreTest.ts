/**
 * What a store must do, as tests: `StoreTest.suite("mine", MyStore.layer(...))` in a test file is the definition of
 * correct. It says nothing about processes that die: only a test that kills some can.
 */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as JournalFacts from "./JournalFacts.ts"
import * as KeyValueFacts from "./KeyValueFacts.ts"
import * as LeaseFacts from "./LeaseFacts.ts"
import * as ListFacts from "./ListFacts.ts"
import * as RemovalFacts from "./RemovalFacts.ts"
import * as SameAnswers from "./SameAnswers.ts"
import type { Services, Suite } from "./StoreSample.ts"
import * as TextFacts from "./TextFacts.ts"

export interface Options {
  /** Lets time pass for the store, in milliseconds. Default: the test's clock, for a store that asks `Clock`. */
  readonly elapse?: (millis: number) => Effect.Effect<void>
  /** How many random sequences of operations are compared with the memory store. Default 100. */
  readonly sequences?: number
}

export interface Fact {
  /** `journal`, `leases`, ... */
  readonly about: string
  readonly name: string
  /** Fails when the store does not do as it must. It needs a store of its own. */
  readonly body: Effect.Effect<void, unknown, Services | Scope.Scope>
}

/** All that `suite` tests, but for the comparison with the memory store. */
export const facts = (elapse: (millis: number) => Effect.Effect<void> = TestClock.adjust): ReadonlyArray<Fact> =>
  Object.entries(files).flatMap(([about, { define }]) => {
    const found: Array<Fact> = []
    const suite: Suite = { fact: (name, body) => found.push({ about, name, body }), elapse }
    define(suite)
    return found
  })

/** Every test builds the layer anew. It need not be empty then, but nobody else may take runs in the tests' scopes. */
export const suite = <E>(name: string, layer: Layer.Layer<Services, E>, options: Options = {}): void => {
  const { elapse = TestClock.adjust, sequences = 100 } = options
  const provide = Effect.provide(Layer.fresh(layer))
  const known = facts(elapse)
  describe(`store ${name}`, () => {
    for (const about of Object.keys(files)) {
      describe(`${about} facts`, () => {
        for (const fact of known) if (fact.about === about) it.effect(fact.name, () => provide(fact.body))
      })
    }
    SameAnswers.define({ provide, elapse, sequences })
  })
}

// internal

const files = {
  journal: JournalFacts,
  removal: RemovalFacts,
  text: TextFacts,
  list: ListFacts,
  leases: LeaseFacts,
  "key-values": KeyValueFacts
}
