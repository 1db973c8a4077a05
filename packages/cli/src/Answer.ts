/** What a run asks of people: what may be answered, and a text that somebody has written made into that. Pure. */
import { JsonSchemaCheck, type Run } from "@gleitzeit/core"
import { Result, type Schema } from "effect"
import * as Budgets from "./Budgets.ts"
import * as Text from "./Text.ts"

/** Whether somebody can be asked: a pause ends with `resume`, a signal is sent under its own name, a timer runs out. */
export const isForPeople = ({ kind }: Pick<Run.Request, "kind">): boolean =>
  kind !== "pause" && kind !== "signal" && kind !== "timer"

/** What a question lets one choose from; undefined when it takes more than that. */
export const choices = ({ schema }: Pick<Run.Request, "schema">): ReadonlyArray<Schema.Json> | undefined => {
  const all = schema?.["enum"]
  // Safe: a schema is JSON, so are its choices.
  return Array.isArray(all) && all.length > 0 ? (all as ReadonlyArray<Schema.Json>) : undefined
}

/** What an empty line stands for. */
export const byDefault = ({ schema }: Pick<Run.Request, "schema">): Schema.Json | undefined => schema?.["default"]

/** Choices can be named by their number unless one of them looks like a number itself. */
export const isNumbered = (choices: ReadonlyArray<Schema.Json>): boolean =>
  choices.every((choice) => !/^\d+$/.test(shown(choice)))

/** What is to be written, for whoever is asked. */
export const expected = (request: Run.Request): string => {
  if (request.kind === "budget") return Budgets.expected
  if (request.kind === "approval") return "y or n; a comment may follow"
  const all = choices(request)
  if (all !== undefined) return isNumbered(all) ? `a number from 1 to ${all.length}` : "one of these"
  switch (request.schema?.["type"]) {
    case undefined:
    case "string":
      return request.schema === undefined || "type" in request.schema ? "text" : "JSON, or text"
    case "boolean":
      return "true or false"
    case "integer":
      return "a whole number"
    case "number":
      return "a number"
    case "array":
      return "a list in JSON"
    case "object":
      return `a JSON object${properties(request.schema)}`
    default:
      return "JSON, or text"
  }
}

/** A choice on one line. */
export const shown = (choice: Schema.Json): string =>
  Text.flat(typeof choice === "string" ? choice : JSON.stringify(choice))

/** `numbered`: a choice may be named by its number. The failure says what is wrong with the answer. */
export const read = (request: Run.Request, text: string, numbered: boolean): Result.Result<Schema.Json, string> => {
  if (request.kind === "budget") return budget(text)
  if (request.kind === "approval") return approval(request, text)
  const schema = request.schema ?? { type: "string" }
  const all = choices(request)
  const number = /^\s*[1-9]\d{0,5}\s*$/.test(text) ? Number(text) - 1 : -1
  const chosen = numbered && all !== undefined && isNumbered(all) ? all[number] : undefined
  const value = chosen ?? JsonSchemaCheck.coerce(schema, text)
  const issues = JsonSchemaCheck.check(schema, value)
  return issues.length === 0
    ? Result.succeed(value)
    : Result.fail(issues.map(({ message, path }) => [path.join("."), message].filter(Boolean).join(" ")).join("; "))
}

/** A text that nobody has a schema for: JSON where it is JSON, text otherwise. */
export const free = (text: string): Schema.Json => JsonSchemaCheck.coerce(something, text)

// internal

const something = { type: ["object", "array", "number", "boolean", "null"] }

const budget = (text: string): Result.Result<Schema.Json, string> =>
  Result.map(Budgets.parse(text), (budget): Schema.Json => ({ ...budget }))

/** `y`, `no`, `yes, but shorter`; as JSON it goes as it is. */
const approval = ({ schema }: Run.Request, text: string): Result.Result<Schema.Json, string> => {
  const said = /^\s*(y|yes|true|n|no|false)(?:[\s,:;.]+(.*))?$/is.exec(text)
  const comment = said?.[2]?.trim() ?? ""
  const json = /^\s*\{/.test(text) ? JsonSchemaCheck.coerce({ type: "object" }, text) : undefined
  if (said === null && (json === undefined || typeof json === "string")) {
    return Result.fail(`expected y or n, not "${Text.flat(text)}"`)
  }
  const approved = /^[yt]/i.test(said?.[1] ?? "")
  const value = json ?? (comment === "" ? approved : { approved, comment })
  const issues = schema === undefined ? [] : JsonSchemaCheck.check(schema, value)
  return issues.length === 0 ? Result.succeed(value) : Result.fail(issues.map(({ message }) => message).join("; "))
}

const properties = (schema: { readonly [key: string]: Schema.Json }): string => {
  const all = schema["properties"]
  const names = typeof all === "object" && all !== null && !Array.isArray(all) ? Object.keys(all) : []
  return names.length === 0 ? "" : ` with ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`
}
