/** Environment variables that a workflow names, nested ones too. Read once: a run sees the same to its end. */
import { Config, Effect, Option } from "effect"
import type { Workflow } from "./Workflow.ts"

export const read = (workflow: Workflow): Effect.Effect<Record<string, string>> => {
  const named = names(workflow)
  if (named.length === 0) return none
  return Effect.map(
    Effect.forEach(named, (name) =>
      Effect.map(
        Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>()),
        (value) => [name, Option.getOrUndefined(value)] as const
      )
    ),
    (values) => Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  )
}

// internal

const none = Effect.succeed({})

const names = ({ env = [], tasks }: Workflow): ReadonlyArray<string> => [
  ...new Set([...env, ...tasks.flatMap(({ workflow }) => (workflow === undefined ? [] : names(workflow)))])
]
