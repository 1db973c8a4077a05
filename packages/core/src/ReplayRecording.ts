/**
 * A recording as text: one call, what came of it, and what was shown and used on the way. Made to be read and reviewed,
 * and to be edited by hand: a slip is told with its line.
 */
import { type JsonSchema, Result, Schema } from "effect"
import { Complaints } from "./Complaints.ts"
import { RecordingUnusable } from "./Errors.ts"
import { Failure } from "./Failure.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as JsonText from "./JsonText.ts"
import type { Node } from "./Position.ts"
import * as ReplayRequest from "./ReplayRequest.ts"
import { Usage } from "./Task.ts"

const Chunk = Schema.Union([
  Schema.Struct({ _tag: Schema.Literals(["Text", "Reasoning"]), text: Schema.String }),
  Schema.Struct({
    _tag: Schema.Literal("Progress"),
    fraction: Schema.optionalKey(Schema.Finite),
    message: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({
    _tag: Schema.Literal("Log"),
    level: Schema.Literals(["debug", "info", "warning", "error"]),
    message: Schema.String
  })
])

/** One of `result`, `failure` and `composed`. */
export const Recording = Schema.Struct({
  /** The version of this form. */
  recording: Schema.Literal(1),
  protocol: Schema.NonEmptyString,
  method: Schema.NonEmptyString,
  /** The one that the task asks for by name. */
  provider: Schema.optionalKey(Schema.NonEmptyString),
  params: Schema.Json,
  /** Where the call was made. */
  task: Schema.String,
  attempt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  /** Who answered. */
  by: Schema.optionalKey(Schema.String),
  result: Schema.optionalKey(Schema.Json),
  /** Values of secrets that stood in the result were masked. */
  masked: Schema.optionalKey(Schema.Boolean),
  failure: Schema.optionalKey(Failure),
  /** It is made of other calls, or asked a question: it is carried out again, those are recorded. */
  composed: Schema.optionalKey(Schema.Literal(true)),
  /** As it was told, in order. */
  usage: Schema.optionalKey(Schema.Array(Usage)),
  /** In order. */
  chunks: Schema.optionalKey(Schema.Array(Chunk))
})
export type Recording = typeof Recording.Type

/** The same text for the same recording: two spaces, one chunk a line, a newline at its end. */
export const write = (recording: Recording): string => {
  const fields = order.flatMap((key) => {
    const value = recording[key]
    if (value === undefined) return []
    const text = isLines(key) ? lines(recording[key] ?? []) : JSON.stringify(value, null, 2).replaceAll("\n", "\n  ")
    return [`  ${JSON.stringify(key)}: ${text}`]
  })
  return `{\n${fields.join(",\n")}\n}\n`
}

/** `file`: as messages name it. `key`: of the call that it is to answer, by its name. */
export const read = (text: string, file: string, key: string): Result.Result<Recording, RecordingUnusable> => {
  const value = json(text)
  if (value === undefined) return Result.fail(misread(text, file))
  const decoded = decode(value, { onExcessProperty: "error" })
  if (Result.isFailure(decoded)) return Result.fail(misshapen(text, file, value, decoded.failure.message))
  // Safe: it has just been decoded. Keys stay in the order in which they stand in the file.
  const recording = value as unknown as Recording
  const outcomes = outcomeKeys.filter((key) => key in recording)
  if (outcomes.length !== 1) {
    const found = outcomes.length === 0 ? "none" : outcomes.map((key) => `\`${key}\``).join(" and ")
    const expected = "expected one of `result`, `failure` and `composed`"
    return Result.fail(new RecordingUnusable({ file, line: 1, column: 1, issue: `${expected}, found ${found}` }))
  }
  const own = ReplayRequest.keyOf(recording)
  if (own === key) return Result.succeed(recording)
  const issue = `the call that it describes has another key: ${key} stands in its name, expected ${own}; edit the workflow instead, or rename the file`
  return Result.fail(new RecordingUnusable({ file, ...placeOf(text, ["params"]), issue }))
}

// internal

const order = [
  "recording",
  "protocol",
  "method",
  "provider",
  "params",
  "task",
  "attempt",
  "by",
  "result",
  "masked",
  "failure",
  "composed",
  "usage",
  "chunks"
] as const satisfies ReadonlyArray<keyof Recording>

const outcomeKeys = ["result", "failure", "composed"] as const

const decode = Schema.decodeUnknownResult(Recording)

/** `usage` and `chunks`, which are many and small. */
const isLines = (key: string) => key === "usage" || key === "chunks"

const lines = (items: ReadonlyArray<unknown>): string =>
  items.length === 0 ? "[]" : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`

const json = (text: string): Schema.Json | undefined => {
  try {
    // Safe: what is parsed is JSON.
    return JSON.parse(text) as Schema.Json
  } catch {
    return undefined
  }
}

const misread = (text: string, file: string): RecordingUnusable => {
  const complaints = new Complaints(text, undefined)
  const node = JsonText.read(text, complaints)
  const [first] = complaints.diagnostics
  const { column = 1, line = 1 } = first ?? {}
  const issue = first?.message ?? (node === undefined ? "it is empty" : "it is no JSON")
  return new RecordingUnusable({ file, line, column, issue })
}

let schema: JsonSchema.JsonSchema | undefined

const misshapen = (text: string, file: string, value: Schema.Json, otherwise: string): RecordingUnusable => {
  schema ??= jsonSchema()
  const [issue] = JsonSchemaCheck.check(schema, value)
  if (issue === undefined) return new RecordingUnusable({ file, line: 1, column: 1, issue: otherwise })
  const { suggestion } = issue
  const meant = suggestion === undefined ? "" : `, did you mean "${suggestion}"?`
  return new RecordingUnusable({
    file,
    ...placeOf(text, issue.path),
    issue: `${JsonSchemaCheck.inWords(issue)}${meant}`
  })
}

const jsonSchema = (): JsonSchema.JsonSchema => {
  const document = Schema.toJsonSchemaDocument(Recording, { onExcessProperty: "error" })
  return { ...document.schema, $defs: document.definitions }
}

/** Of the innermost value on the path that is there. */
const placeOf = (text: string, path: ReadonlyArray<string | number>) => {
  const complaints = new Complaints(text, undefined)
  let node: Node | undefined = JsonText.read(text, complaints)
  let start = node?.start ?? 0
  for (const step of path) {
    node =
      node?.kind === "mapping"
        ? node.entries.get(String(step))?.value
        : node?.kind === "list"
          ? node.items[Number(step)]
          : undefined
    if (node === undefined) break
    start = node.start
  }
  return complaints.position(start)
}
