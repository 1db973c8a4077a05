/** What a call of a tool gives: the server's answer as the value of a task, or as the failure that it is. Pure. */
import { Errors, Json } from "@gleitzeit/core"
import { Result, type Schema } from "effect"
import type { Answer } from "./Connection.ts"
import * as SchemaFault from "./SchemaFault.ts"

/** Whose answer it is. */
export interface Origin {
  readonly server: string
  /** The server's own name for it. */
  readonly tool: string
}

/** Bytes of an answer, as JSON. */
export const maxAnswer = 16 * 1024 ** 2

/** A tool that says that it failed has: its text is the reason, and trying again does not help. */
export const read = (
  { content, isError, structured }: Answer,
  { server, tool }: Origin,
  limit = maxAnswer
): Result.Result<Schema.JsonObject, Errors.TaskExecutionFailed | Errors.ResultTooLarge> => {
  const size = bytes(content) + (structured === undefined ? 0 : bytes(structured))
  if (size > limit) return Result.fail(new Errors.ResultTooLarge({ size, limit }))
  const said = textOf(content)
  if (isError) {
    const words = said === "" ? "it does not say why" : said
    const reason = `the tool ${tool} of "${server}" failed: ${cut(words, maxReason)}`
    const data = { server, tool, ...(size > maxData ? {} : { content }) }
    return Result.fail(new Errors.TaskExecutionFailed({ reason, retryable: false, data }))
  }
  const json = jsonOf(said)
  const result = structured === undefined ? (json ?? said) : structured
  return Result.succeed({
    content,
    text: said,
    output: said,
    result,
    ...(structured === undefined ? {} : { structured }),
    ...(json === undefined ? {} : { json }),
    isError,
    server,
    tool
  })
}

/** Of an answer, in draft 2020-12 or the draft of `output`: what the tool promises stands at `structured`. */
export const schema = (output: Schema.JsonObject | undefined): Schema.JsonObject => {
  const promised = output === undefined ? undefined : SchemaFault.moved(output, "/properties/structured")
  const { $schema } = output ?? {}
  return {
    ...($schema === undefined ? {} : { $schema }),
    type: "object",
    properties: {
      content: {
        type: "array",
        items: { type: "object" },
        description: "Blocks as the server gives them; images and sounds are base64."
      },
      text: { type: "string", description: "The blocks of text, one below the other." },
      output: { type: "string", description: "The same as `text`." },
      result:
        promised === undefined
          ? { description: "The value: `structured`, else `json`, else `text`." }
          : { $ref: "#/properties/structured" },
      structured: promised ?? { description: "The value, where the server gives one beside the blocks." },
      json: { type: ["object", "array"], description: "The text, read, where it is a JSON object or list." },
      isError: { const: false },
      server: { type: "string" },
      tool: { type: "string" }
    },
    required: promised === undefined ? always : [...always, "structured"],
    additionalProperties: false
  }
}

/** The blocks of text, one below the other; a resource that is put in as text is one. */
export const textOf = (content: Answer["content"]): string =>
  content
    .flatMap(({ resource, text, type }) => {
      if (type === "text" && typeof text === "string") return [text]
      const inner = type === "resource" && Json.isObject(resource) ? resource["text"] : undefined
      return typeof inner === "string" ? [inner] : []
    })
    .join("\n")

/** What a text holds that is a JSON object or list: a number may be a name. */
export const jsonOf = (text: string): Schema.Json | undefined => {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    // Safe: JSON.parse gives JSON.
    const json = JSON.parse(text) as Schema.Json
    return Json.isDeep(json) ? undefined : json
  } catch {
    return undefined
  }
}

/** As JSON. */
export const bytes = (json: Schema.Json): number => Buffer.byteLength(JSON.stringify(json))

/** Its beginning, and that it is one. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most).toWellFormed()}… (${text.length} characters)`

// internal

const always = ["content", "text", "output", "result", "isError", "server", "tool"]

/** Characters. */
const maxReason = 2000
/** Bytes of a failure's content; what is larger is left out. */
const maxData = 65_536
