/** Tools as a server lists them: each is decoded by itself, so that one that is malformed does not hide the others. */
import { Result, Schema } from "effect"
import type { Tool } from "./Connection.ts"
import * as ToolHeaders from "./ToolHeaders.ts"

export interface Read {
  readonly tools: ReadonlyArray<Tool>
  /** Of each that was left out what it is called, and why. */
  readonly dropped: ReadonlyArray<string>
}

/** `isMirrored`: params travel in headers too, and a tool that asks for headers that cannot be is left out. */
export const read = (listed: ReadonlyArray<Schema.Json>, isMirrored: boolean): Read => {
  const tools = new Map<string, Tool>()
  const dropped: Array<string> = []
  for (const [index, one] of listed.entries()) {
    const decoded = decode(one)
    if (Result.isFailure(decoded)) {
      dropped.push(`${nameOf(one, index)}: ${decoded.failure.message.replaceAll(/\s+/g, " ")}`)
      continue
    }
    const { annotations = {}, description = "", inputSchema, name, outputSchema, title } = decoded.success
    const fault = isMirrored ? ToolHeaders.faultOf(inputSchema) : undefined
    if (fault !== undefined) dropped.push(`${name}: ${fault}`)
    else if (tools.has(name)) dropped.push(`${name}: it is listed twice`)
    else {
      const readOnly = annotations.readOnlyHint === true
      const heading = title ?? annotations.title
      tools.set(name, {
        name,
        ...(heading === undefined ? {} : { title: heading }),
        description,
        input: inputSchema,
        ...(outputSchema === undefined ? {} : { output: outputSchema }),
        readOnly,
        destructive: !readOnly && annotations.destructiveHint === true,
        idempotent: readOnly || annotations.idempotentHint === true
      })
    }
  }
  return { tools: [...tools.values()], dropped }
}

// internal

const JsonObject = Schema.Record(Schema.String, Schema.Json)

/** Signs that nobody sees could make it look like another one. */
const Name = Schema.String.check(
  Schema.isPattern(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u, { expected: "a name of 1 to 256 signs that can be seen" })
)

const decode = Schema.decodeUnknownResult(
  Schema.Struct({
    name: Name,
    title: Schema.optionalKey(Schema.String),
    description: Schema.optionalKey(Schema.String),
    inputSchema: JsonObject,
    outputSchema: Schema.optionalKey(JsonObject),
    annotations: Schema.optionalKey(
      Schema.Struct({
        title: Schema.optionalKey(Schema.String),
        readOnlyHint: Schema.optionalKey(Schema.Boolean),
        destructiveHint: Schema.optionalKey(Schema.Boolean),
        idempotentHint: Schema.optionalKey(Schema.Boolean)
      })
    )
  })
)

const nameOf = (tool: Schema.Json, index: number): string => {
  const name = typeof tool === "object" && tool !== null && "name" in tool ? tool["name"] : undefined
  return typeof name === "string" && name !== "" ? JSON.stringify(name.slice(0, 256)).slice(1, -1) : `tool ${index + 1}`
}
