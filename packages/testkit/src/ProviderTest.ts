/**
 * What a provider must do, as tests: `ProviderTest.suite("mine", MyProvider.layer(...))` in a test file. Every provider
 * that the layer puts on duty is looked at, and every method of it is called. Time is real. It says nothing about whether
 * answers are right: only its author's tests can.
 */
import { describe, it } from "@effect/vitest"
import type { Providers } from "@gleitzeit/core"
import { Effect, type Layer, type Scope } from "effect"
import * as CallFacts from "./CallFacts.ts"
import * as ContractFacts from "./ContractFacts.ts"
import * as DutyFacts from "./DutyFacts.ts"
import { type Options, type Suite, workshop } from "./ProviderSample.ts"

export type { Options, Slow } from "./ProviderSample.ts"

export interface Fact {
  readonly name: string
  /** Fails when the provider does not do as it must, and says which method and what was expected. */
  readonly body: Effect.Effect<void, unknown, Scope.Scope>
  /** Why it is not looked at. */
  readonly skipped?: string
}

/** Each fact builds the layer anew. */
export const facts = <E>(
  layer: Layer.Layer<never, E, Providers.Providers>,
  options: Options = {}
): ReadonlyArray<Fact> => {
  const found: Array<Fact> = []
  const suite: Suite = {
    fact: (name, body, skipped) => found.push({ name, body, ...(skipped === undefined ? {} : { skipped }) }),
    open: workshop(layer, options),
    options
  }
  ContractFacts.define(suite)
  CallFacts.define(suite)
  DutyFacts.define(suite)
  return found
}

export const suite = <E>(
  name: string,
  layer: Layer.Layer<never, E, Providers.Providers>,
  options: Options = {}
): void => {
  describe(`provider ${name}`, () => {
    for (const fact of facts(layer, options)) {
      const test = fact.skipped === undefined ? it.live : it.live.skip
      test(fact.skipped === undefined ? fact.name : `${fact.name} (${fact.skipped})`, () => fact.body)
    }
    const skipped = Object.entries(options.methods ?? {}).filter(([, { skip }]) => skip !== undefined)
    for (const [method, { skip }] of skipped) leftOut(`answers ${method} (${skip})`, () => Effect.void)
  })
}

// internal

/** So that what is not looked at is seen by name. */
const leftOut = it.live.skip
