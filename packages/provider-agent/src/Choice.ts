/**
 * What a model answers in a turn: the name of a tool with arguments, or the final answer. As a JSON Schema for the model,
 * and read from what it said. Pure.
 */
import { Json, JsonSchemaCheck } from "@gleitzeit/core"
import { Result, type Schema } from "effect"
import type { Tool } from "./Tools.ts"
import * as ToolSchema from "./ToolSchema.ts"

export type Choice =
  | { readonly _tag: "Answer"; readonly answer: Schema.Json }
  | { readonly _tag: "Call"; readonly tool: Tool; readonly params: Json.JsonObject }

/** `answer`: the JSON Schema of the final answer; text without one. */
export const schema = (tools: ReadonlyArray<Tool>, answer: Json.JsonObject | undefined): Json.JsonObject => {
  const defs: { [name: string]: Schema.Json } = {}
  const part = (name: string, made: ReturnType<typeof ToolSchema.make>): Schema.Json => {
    if (!made.refers) return made.schema
    defs[name] = made.schema
    return { $ref: `#/$defs/${name}` }
  }
  const choices: ReadonlyArray<Json.JsonObject> = [
    // the first: who fills in a schema without a thought comes to an end
    exactly({
      answer: answer === undefined ? { type: "string" } : part("answer", ToolSchema.moved(answer, "#/$defs/answer"))
    }),
    ...tools.map((tool, index) =>
      exactly({
        tool: { const: tool.method },
        arguments: part(`tool${index}`, ToolSchema.make(given(tool), `#/$defs/tool${index}`))
      })
    )
  ]
  const [only, ...others] = choices
  return {
    ...(others.length === 0 ? only : { anyOf: choices }),
    ...(Object.keys(defs).length === 0 ? {} : { $defs: defs })
  }
}

/** The arguments of a tool, as they are described to a model. */
export const argumentsOf = (tool: Tool): Json.JsonObject => ToolSchema.make(given(tool), "#").schema

/** `said`: what the model said, parsed or as text. The failure says what is wrong with it, for the model. */
export const read = (
  said: Schema.Json,
  tools: ReadonlyArray<Tool>,
  answer: Json.JsonObject | undefined
): Result.Result<Choice, string> => {
  const json = typeof said === "string" ? parsed(said) : said
  if (!Json.isObject(json)) return Result.fail(`expected one JSON object, found ${Json.kindOf(json)}`)
  const name = json["tool"]
  if (name === undefined || name === null) {
    const value = json["answer"]
    if (value === undefined) return Result.fail(`expected ${tools.length === 0 ? "" : '"tool" or '}"answer"`)
    const issues = answer === undefined ? [] : JsonSchemaCheck.check(answer, value)
    return issues.length === 0
      ? Result.succeed({ _tag: "Answer", answer: value })
      : Result.fail(`the answer is not as it has to be: ${issues.map(JsonSchemaCheck.inWords).join("; ")}`)
  }
  if (tools.length === 0) return Result.fail(`there is no tool to call: expected "answer"`)
  const tool = typeof name === "string" ? tools.find(({ method }) => method === name.trim()) : undefined
  if (tool === undefined) {
    return Result.fail(
      `there is no tool ${JSON.stringify(name)} (there are ${tools.map(({ method }) => method).join(", ")})`
    )
  }
  const params = json["arguments"] ?? {}
  if (!Json.isObject(params)) return Result.fail(`"arguments" of ${tool.method}: expected an object`)
  const path = tool.files.find((file) => Object.hasOwn(params, file))
  if (path !== undefined) return Result.fail(`"${path}" of ${tool.method} is a path, which you cannot give`)
  const fitted = fit(tool, params)
  return Result.map(fitted, (params): Choice => ({ _tag: "Call", tool, params }))
}

// internal

const exactly = (properties: Json.JsonObject): Json.JsonObject => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false
})

/** Without what no model gives. */
const given = ({ contract: { params }, files }: Tool): Tool["contract"]["params"] => {
  const properties = params["properties"]
  if (files.length === 0 || typeof properties !== "object" || properties === null) return params
  return {
    ...params,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !files.includes(name)))
  }
}

/** As they are, or, when that is wrong, without nulls and with texts made into what the schema wants: models write `"10"`. */
const fit = ({ contract, method }: Tool, params: Json.JsonObject): Result.Result<Json.JsonObject, string> => {
  const issues = JsonSchemaCheck.check(contract.params, params)
  if (issues.length === 0) return Result.succeed(params)
  const properties = contract.params["properties"]
  const other = Object.fromEntries(
    Object.entries(params).flatMap(([name, value]): ReadonlyArray<[string, Schema.Json]> => {
      if (value === null) return []
      const wanted: unknown = Object.hasOwn(Object(properties), name)
        ? Reflect.get(Object(properties), name)
        : undefined
      return typeof value === "string" && typeof wanted === "object" && wanted !== null
        ? [[name, JsonSchemaCheck.coerce({ ...wanted }, value)]]
        : [[name, value]]
    })
  )
  return JsonSchemaCheck.check(contract.params, other).length === 0
    ? Result.succeed(other)
    : Result.fail(`arguments of ${method}: ${issues.map(JsonSchemaCheck.inWords).join("; ")}`)
}

/** The JSON of a text, with or without a Markdown fence around it; the text itself when there is none. */
const parsed = (text: string): Schema.Json => {
  const bare = /^\s*```(?:json)?\s*([^]*?)\s*```\s*$/.exec(text)?.[1] ?? text
  try {
    // Safe: JSON.parse gives JSON.
    return JSON.parse(bare) as Schema.Json
  } catch {
    return text
  }
}
