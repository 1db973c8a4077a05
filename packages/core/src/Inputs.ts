/** What a run, or a nested workflow, is given: checked against what is declared, defaults filled in. */
import { Result, type Schema } from "effect"
import { InvalidInputs } from "./Errors.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import type { Workflow } from "./Workflow.ts"

export type Values = { readonly [name: string]: Schema.Json }

export interface Inputs {
  readonly plain: Values
  /** Of inputs marked `secret`, which no journal holds. */
  readonly secret: ReadonlyMap<string, string>
}

export const read = (
  { inputs: declared = {}, name: workflow }: Pick<Workflow, "inputs" | "name">,
  given: Values
): Result.Result<Inputs, InvalidInputs> => {
  const issues: Array<string> = []
  const plain: Array<readonly [string, Schema.Json]> = []
  const secret = new Map<string, string>()
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(declared, name)) {
      issues.push(`there is no input "${name}" (declared: ${Object.keys(declared).join(", ") || "none"})`)
    }
  }
  for (const [name, input] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : input.default
    if (value === undefined) {
      if (input.required) issues.push(`"${name}" is required`)
      continue
    }
    for (const { message, path } of JsonSchemaCheck.check(input.schema, value, { quote: input.secret !== true })) {
      issues.push(`"${[name, ...path].join(".")}" ${message}`)
    }
    if (input.secret !== true) plain.push([name, value])
    else if (typeof value === "string") secret.set(name, value)
    else issues.push(`"${name}" is secret and must be text`)
  }
  return issues.length > 0
    ? Result.fail(new InvalidInputs({ workflow, issues }))
    : Result.succeed({ plain: Object.fromEntries(plain), secret })
}

/** What a journal does not hold must be given again. */
export const readSecret = (
  { inputs = {}, name }: Workflow,
  given: Values
): Result.Result<Inputs["secret"], InvalidInputs> =>
  Result.map(
    read(
      { name, inputs: Object.fromEntries(Object.entries(inputs).filter(([, { secret }]) => secret === true)) },
      given
    ),
    ({ secret }) => secret
  )
