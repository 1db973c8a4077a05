/**
 * What an executor must do, as tests: `ExecutorTest.suite("mine", MyExecutor.layer)` in a test file. The suite puts a
 * scripted provider on duty in the process of the tests: an executor that sends its calls away must let them come back
 * there. It says nothing about machines that die.
 */
import { describe, it } from "@effect/vitest"
import { Executor, Providers, Secrets } from "@gleitzeit/core"
import { Context, Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as AttemptFacts from "./AttemptFacts.ts"
import { secrets, type Suite, workshopOf } from "./ExecutorSample.ts"
import * as InterruptionFacts from "./InterruptionFacts.ts"
import * as ScriptedProvider from "./ScriptedProvider.ts"

export interface Options {
  /** Time is real: for an executor that talks to others. Default false: the test's clock. */
  readonly live?: boolean
  /**
   * The same run, task and attempt, given again while it is under way, is not carried out again. Default true; false
   * says that an executor leaves that to the driver.
   */
  readonly attaches?: boolean
}

export interface Fact {
  readonly name: string
  /** Fails when the executor does not do as it must. */
  readonly body: Effect.Effect<void, unknown, Scope.Scope>
}

/** Each fact builds the layer anew. */
export const facts = <E>(
  layer: Layer.Layer<Executor.Executor, E, Providers.Providers | Secrets.Secrets>,
  { attaches = true, live = false }: Options = {}
): ReadonlyArray<Fact> => {
  const found: Array<Fact> = []
  const suite: Suite = {
    fact: (name, body) => found.push({ name, body }),
    workshop: (options = {}) =>
      Layer.fresh(layer).pipe(
        Layer.provide(ScriptedProvider.layer(options)),
        Layer.provide(Secrets.layerRecord(secrets)),
        Layer.provide(Layer.fresh(Providers.layer)),
        Layer.build,
        Effect.map((context) => workshopOf(Context.get(context, Executor.Executor)))
      ),
    elapse: live ? Effect.sleep : TestClock.adjust
  }
  AttemptFacts.define(suite)
  InterruptionFacts.define({ ...suite, attaches })
  return found
}

export const suite = <E>(
  name: string,
  layer: Layer.Layer<Executor.Executor, E, Providers.Providers | Secrets.Secrets>,
  options: Options = {}
): void => {
  const test = options.live === true ? it.live : it.effect
  describe(`executor ${name}`, () => {
    for (const fact of facts(layer, options)) test(fact.name, () => fact.body)
  })
}
