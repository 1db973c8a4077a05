/** The parts of an answer put together: what `llm/v1` calls a reply. Pure; times come in from outside. */
import { Errors, JsonSchemaCheck, type LlmV1 } from "@gleitzeit/core"
import { type JsonSchema, Result, type Schema } from "effect"
import type { Part } from "./OllamaSchema.ts"

/** Text, any JSON, or JSON that a schema accepts. */
export type Wanted = "text" | "json" | JsonSchema.JsonSchema

export class Answer {
  readonly #content: Array<string> = []
  readonly #reasoning: Array<string> = []
  #last: Part = {}
  #firstAt: number | undefined
  /** Parts so far. */
  count = 0
  /** Characters so far. */
  size = 0

  /** What the part adds. `at`: milliseconds since the request. */
  add(part: Part, at: number): { readonly text: string; readonly reasoning: string } {
    const text = part.message?.content ?? part.response ?? ""
    const reasoning = part.message?.thinking ?? part.thinking ?? ""
    if (text !== "") this.#content.push(text)
    if (reasoning !== "") this.#reasoning.push(reasoning)
    if (text !== "" || reasoning !== "") this.#firstAt ??= at
    this.#last = part
    this.count++
    this.size += text.length + reasoning.length
    return { text, reasoning }
  }

  /** Numbers that the server did not say are left out, never 0. */
  get tokens(): { readonly input_tokens?: number; readonly output_tokens?: number } {
    const { eval_count, prompt_eval_count } = this.#last
    return {
      ...(typeof prompt_eval_count === "number" ? { input_tokens: prompt_eval_count } : {}),
      ...(typeof eval_count === "number" ? { output_tokens: eval_count } : {})
    }
  }

  /** Fails when JSON was asked for and something else came. */
  reply(about: {
    readonly method: string
    readonly provider: string
    readonly model: string
    readonly wanted: Wanted
    /** Milliseconds. */
    readonly total: number
  }): Result.Result<LlmV1.Reply, Errors.InvalidResult> {
    const content = this.#content.join("")
    const reasoning = this.#reasoning.join("")
    const finish_reason = finish(this.#last.done_reason)
    const { method, wanted } = about
    const result = wanted === "text" ? Result.succeed(content) : parse(method, wanted, content, finish_reason)
    if (Result.isFailure(result)) return Result.fail(result.failure)
    const { tokens } = this
    const { input_tokens, output_tokens } = tokens
    const { load_duration, model } = this.#last
    const warnings = [
      ...(finish_reason === "length"
        ? ["the answer was cut off: it reached max_tokens, or the end of the context"]
        : []),
      ...(content === "" && reasoning !== "" ? ["the model reasoned, and then said nothing"] : [])
    ]
    return Result.succeed({
      content,
      response: content,
      result: result.success,
      message: { role: "assistant", content, ...(reasoning === "" ? {} : { reasoning }) },
      model: model ?? about.model,
      provider: about.provider,
      finish_reason,
      usage: {
        ...tokens,
        ...(input_tokens === undefined || output_tokens === undefined
          ? {}
          : { total_tokens: input_tokens + output_tokens })
      },
      timing: {
        total_ms: about.total,
        ...(typeof load_duration === "number" ? { load_ms: load_duration / 1e6 } : {}),
        ...(this.#firstAt === undefined ? {} : { first_token_ms: this.#firstAt })
      },
      ...(warnings.length === 0 ? {} : { warnings })
    })
  }
}

// internal

/** A server that gives no reason has come to the end. */
const finish = (reason: string | null | undefined): LlmV1.Reply["finish_reason"] => {
  if (reason === "length") return "length"
  return reason === undefined || reason === null || ["stop", "load", "unload"].includes(reason) ? "stop" : "other"
}

/** The JSON of an answer, with or without a Markdown fence around it. Servers do not always keep to a schema. */
const parse = (
  method: string,
  wanted: "json" | JsonSchema.JsonSchema,
  content: string,
  finish_reason: LlmV1.Reply["finish_reason"]
): Result.Result<Schema.Json, Errors.InvalidResult> => {
  const text = unfenced(content)
  const invalid = (issue: string) => Result.fail(new Errors.InvalidResult({ method, issue }))
  const said = JSON.stringify(content.slice(0, 200))
  let value: Schema.Json
  try {
    // Safe: `JSON.parse` gives nothing but JSON.
    value = JSON.parse(text) as Schema.Json
  } catch {
    return invalid(
      finish_reason === "length"
        ? "the answer reached max_tokens before its JSON was complete"
        : `the model was to answer in JSON, and said ${said}`
    )
  }
  const [issue] = wanted === "json" ? [] : JsonSchemaCheck.check(wanted, value)
  return issue === undefined
    ? Result.succeed(value)
    : invalid(`the model said ${said}, which the schema does not accept: ${where(issue.path)}${issue.message}`)
}

/** By hand: an expression would go through the blank lines that some models end in again and again. */
const unfenced = (content: string): string => {
  const text = content.trim()
  const end = text.indexOf("\n")
  const opening = text.slice(0, Math.max(end, 0)).trimEnd().toLowerCase()
  return (opening === "```" || opening === "```json") && text.endsWith("```") ? text.slice(end + 1, -3) : content
}

/** `items.2.name: `, or nothing for the value itself. */
const where = (path: ReadonlyArray<string | number>): string => (path.length === 0 ? "" : `${path.join(".")}: `)
