/** Inputs as they are written on the command line, brought to the types that a workflow declares. */
import { Diagnostic, JsonSchemaCheck, type Workflow } from "@gleitzeit/core"
import { Effect, type Schema } from "effect"
import { UsageError } from "./ExitCode.ts"

type Values = { readonly [name: string]: Schema.Json }

/** `k=v`, the first `=` divides. */
export const pair = (text: string): readonly [name: string, value: string] | undefined => {
  const at = text.indexOf("=")
  return at < 1 ? undefined : [text.slice(0, at), text.slice(at + 1)]
}

/** Single ones win over those of a file. A text becomes what its schema asks for; whether it may be so is checked later. */
export const merge = (
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
