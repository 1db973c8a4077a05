/** The parts of an answer put together: what `llm/v1` calls a reply. Pure; times come in from outside. */
import { JsonSchemaCheck, type LlmV1 } from "@gleitzeit/core"
import { type JsonSchema, Result, type Schema } from "effect"
import type { Part } from "./OllamaSchema.ts"

/** Text, any JSON, or JSON that a schema accepts. */
export type Wanted = "text" | "json" | JsonSchema.JsonSchema

interface Tokens {
  readonly input_tokens?: number
  readonly output_tokens?: number
}

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

  get content(): string {
    return this.#content.join("")
  }

  get reasoning(): string {
    return this.#reasoning.join("")
  }

  /** As the server names it. */
  get model(): string | undefined {
    return this.#last.model ?? undefined
  }

  /** A server that gives no reason has come to the end. */
  get finish_reason(): LlmV1.Reply["finish_reason"] {
    const reason = this.#last.done_reason ?? "stop"
    if (reason === "length") return "length"
    return ["stop", "load", "unload"].includes(reason) ? "stop" : "other"
  }

  /** Numbers that the server did not say, or that are none, are left out, never 0. */
  get tokens(): Tokens {
    const { eval_count, prompt_eval_count } = this.#last
    return {
      ...(isCount(prompt_eval_count) ? { input_tokens: prompt_eval_count } : {}),
      ...(isCount(eval_count) ? { output_tokens: eval_count } : {})
    }
  }

  /** Milliseconds, as the server says. */
  get times(): { readonly load?: number; readonly total: number } | undefined {
    const { load_duration, total_duration } = this.#last
    if (typeof total_duration !== "number") return undefined
    return { total: total_duration / 1e6, ...(typeof load_duration === "number" ? { load: load_duration / 1e6 } : {}) }
  }

  /** The value that was asked for, or what is wrong with the answer, told as of somebody else's. */
  read(wanted: Wanted): Result.Result<Schema.Json, string> {
    return wanted === "text" ? Result.succeed(this.content) : parse(wanted, this.content)
  }

  /** Milliseconds to the first sign of it. */
  get firstAt(): number | undefined {
    return this.#firstAt
  }

  /** Nanoseconds; undefined where the server does not say. */
  duration(of: "total" | "load" | "prompt_eval" | "eval"): number | undefined {
    return this.#last[`${of}_duration`] ?? undefined
  }
}

/** Of all answers together; what one of them does not say is not known of all. */
export const tokensOf = (answers: ReadonlyArray<Answer>): Tokens => {
  const input_tokens = sum(answers, ({ tokens }) => tokens.input_tokens)
  const output_tokens = sum(answers, ({ tokens }) => tokens.output_tokens)
  return {
    ...(input_tokens === undefined ? {} : { input_tokens }),
    ...(output_tokens === undefined ? {} : { output_tokens })
  }
}

/** The same of what they took. `total`: milliseconds. */
export const timingOf = (answers: ReadonlyArray<Answer>, total: number): LlmV1.Reply["timing"] => {
  const load = sum(answers, (answer) => answer.duration("load"))
  const prompt = sum(answers, (answer) => answer.duration("prompt_eval"))
  const generation = sum(answers, (answer) => answer.duration("eval"))
  const written = tokensOf(answers).output_tokens
  const first = answers[0]?.firstAt
  return {
    total_ms: total,
    ...(load === undefined ? {} : { load_ms: load / 1e6 }),
    ...(prompt === undefined ? {} : { prompt_ms: prompt / 1e6 }),
    ...(generation === undefined ? {} : { generation_ms: generation / 1e6 }),
    ...(first === undefined ? {} : { first_token_ms: first }),
    ...(written === undefined || generation === undefined || generation <= 0
      ? {}
      : { tokens_per_second: Math.round((written / generation) * 1e11) / 100 })
  }
}

/** Nanoseconds. */
export const durationOf = (answers: ReadonlyArray<Answer>): number | undefined =>
  sum(answers, (answer) => answer.duration("total"))

/** What a server counts is a number from 0, or it is not known. */
export const isCount = (value: number | null | undefined): value is number => typeof value === "number" && value >= 0

// internal

const sum = (answers: ReadonlyArray<Answer>, of: (answer: Answer) => number | undefined): number | undefined =>
  answers.reduce<number | undefined>((sum, answer) => {
    const one = of(answer)
    return sum === undefined || one === undefined ? undefined : sum + one
  }, 0)

/** The JSON of an answer, with or without a Markdown fence around it. Servers do not always keep to a schema. */
const parse = (wanted: "json" | JsonSchema.JsonSchema, content: string): Result.Result<Schema.Json, string> => {
  const text = unfenced(content)
  const said = JSON.stringify(content.slice(0, 200))
  let value: Schema.Json
  try {
    // Safe: `JSON.parse` gives nothing but JSON.
    value = JSON.parse(text) as Schema.Json
  } catch {
    return Result.fail(`the model was to answer in JSON, and said ${said}`)
  }
  const [issue] = wanted === "json" ? [] : JsonSchemaCheck.check(wanted, value)
  return issue === undefined
    ? Result.succeed(value)
    : Result.fail(`the model said ${said}, which the schema does not accept: ${where(issue.path)}${issue.message}`)
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
