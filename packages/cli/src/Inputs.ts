/** Inputs as they are written on the command line, brought to the types that a workflow declares. */
import { Diagnostic, JsonSchemaCheck, type Workflow } from "@gleitzeit/core"
import { Effect, Option, type Schema } from "effect"
import { Flag } from "./Cli.ts"
import * as Documents from "./Documents.ts"
import { UsageError } from "./ExitCode.ts"

const named = Flag.String("input").pipe(Flag.withAlias("i"), Flag.withMetavar("NAME=VALUE"))

export const flag = named.pipe(Flag.withDescription("An input; as often as needed"), Flag.atLeast(0))

/** For a run that has its inputs already. */
export const secretFlag = named.pipe(
  Flag.withDescription("A secret input, which is not recorded; as often as needed"),
  Flag.atLeast(0)
)

export const fileFlag = Flag.String("inputs").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("Inputs from a YAML or JSON file; --input wins over it"),
  Flag.optional
)

type Values = { readonly [name: string]: Schema.Json }

/** `k=v`, the first `=` divides. */
export const pair = (text: string): readonly [name: string, value: string] | undefined => {
  const at = text.indexOf("=")
  return at < 1 ? undefined : [text.slice(0, at), text.slice(at + 1)]
}

/** What the flags say. */
export const given = Effect.fnUntraced(function* (
  workflow: Pick<Workflow.Workflow, "inputs" | "name">,
  single: ReadonlyArray<string>,
  file: Option.Option<string>
) {
  return yield* merge(workflow, single, Option.isSome(file) ? yield* Documents.values(file.value) : {})
})

/** Those that are not recorded. */
export const secret = ({ inputs }: Pick<Workflow.Workflow, "inputs">, values: Values): Values =>
  Object.fromEntries(
    Object.entries(values).filter(
      ([name]) => inputs !== undefined && Object.hasOwn(inputs, name) && inputs[name]?.secret
    )
  )

/** Single ones win over those of a file. A text becomes what its schema asks for; whether it may be so is checked later. */
const merge = (
  workflow: Pick<Workflow.Workflow, "inputs" | "name">,
  given: ReadonlyArray<string>,
  file: Values
): Effect.Effect<Values, UsageError> =>
  Effect.suspend(() => {
    const declared = workflow.inputs ?? {}
    const issues: Array<string> = []
    const values: Record<string, Schema.Json> = {}
    const known = (name: string) => {
      if (Object.hasOwn(declared, name)) return true
      issues.push(unknownName(name, Object.keys(declared), workflow.name))
      return false
    }
    for (const [name, value] of Object.entries(file)) if (known(name)) values[name] = value
    for (const text of given) {
      const parts = pair(text)
      if (parts === undefined) issues.push(`--input ${text}: expected NAME=VALUE`)
      else if (known(parts[0])) values[parts[0]] = coerced(parts[1], declared[parts[0]]?.schema)
    }
    return issues.length > 0 ? Effect.fail(new UsageError({ issue: issues.join("\n") })) : Effect.succeed(values)
  })

/** A text as the schema wants it; what cannot be brought there stays text. Without a schema `{…}` and `[…]` are JSON. */
export const coerced = (text: string, schema: { readonly [key: string]: unknown } | undefined): Schema.Json =>
  JsonSchemaCheck.coerce(schema ?? (/^\s*[[{]/.test(text) ? listOrMapping : {}), text)

// internal

const listOrMapping = { type: ["array", "object"] }

const unknownName = (name: string, known: ReadonlyArray<string>, workflow: string): string => {
  const meant = Diagnostic.nearest(name, known)
  if (meant !== undefined) return `"${workflow}" has no input "${name}", did you mean "${meant}"?`
  return `"${workflow}" has no input "${name}" (${known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`})`
}
