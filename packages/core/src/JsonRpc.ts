/**
 * The words of JSON-RPC 2.0, and failures in its form and back. Says nothing of how the text travels.
 *
 * @see https://www.jsonrpc.org/specification
 */
import { Result, Schema } from "effect"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import { isDeep, isObject, maxDepth } from "./Json.ts"

/** `null` is an id as any other in a request; in a response it says that the request could not be read. */
export const Id = Schema.Union([Schema.String, Schema.Finite, Schema.Null])
export type Id = typeof Id.Type

/** What stands in text that was parsed is JSON: it is not gone through a second time. */
const Parsed = Schema.declare((value: unknown): value is Schema.Json => value !== undefined)
const List = Schema.declare((value: unknown): value is ReadonlyArray<Schema.Json> => Array.isArray(value))
const Named = Schema.declare(
  (value: unknown): value is { readonly [name: string]: Schema.Json } =>
    typeof value === "object" && value !== null && !Array.isArray(value)
)

/** By position or by name. */
export const Params = Schema.Union([List, Named])
export type Params = typeof Params.Type

/** Without an `id` it is a notification: nobody waits for an answer. */
export const Request = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  method: Schema.String,
  params: Schema.optionalKey(Params),
  id: Schema.optionalKey(Id)
})
export type Request = typeof Request.Type

export const RpcError = Schema.Struct({
  code: Schema.Int,
  message: Schema.String,
  data: Schema.optionalKey(Parsed)
})
export type RpcError = typeof RpcError.Type

export const Failed = Schema.Struct({ jsonrpc: Schema.Literal("2.0"), error: RpcError, id: Id })
export const Succeeded = Schema.Struct({ jsonrpc: Schema.Literal("2.0"), result: Parsed, id: Id })

/** An `error` of null beside a result is none. */
export const Response = Schema.Union([Failed, Succeeded])
export type Response = typeof Response.Type

export const parseError: RpcError = { code: -32700, message: "Parse error" }
export const invalidRequest: RpcError = { code: -32600, message: "Invalid Request" }
export const methodNotFound: RpcError = { code: -32601, message: "Method not found" }

/** The value that a text stands for, or why it stands for none. */
export const parse = (text: string): Result.Result<Schema.Json, string> => {
  try {
    // Safe: JSON.parse gives JSON.
    const value = JSON.parse(text) as Schema.Json
    return isDeep(value) ? Result.fail(`it is nested more than ${maxDepth} deep`) : Result.succeed(value)
  } catch (error) {
    return Result.fail(error instanceof Error ? error.message : String(error))
  }
}

/** A request or a notification; undefined for what is neither. */
export const requestOf = (json: Schema.Json): Request | undefined => Result.getOrUndefined(decodeRequest(json))

export const responseOf = (json: Schema.Json): Response | undefined => Result.getOrUndefined(decodeResponse(json))

/** The id of what may be broken otherwise; null when it has none. */
export const idOf = (json: Schema.Json): Id => {
  const id = isObject(json) ? json["id"] : undefined
  return isId(id) ? id : null
}

export const request = (id: Id, method: string, params?: Params): string =>
  JSON.stringify({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }), id })

export const notification = (method: string, params?: Params): string =>
  JSON.stringify({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) })

export const succeeded = (id: Id, result: Schema.Json): string => JSON.stringify({ jsonrpc: "2.0", result, id })

export const failed = (id: Id, error: RpcError): string => JSON.stringify({ jsonrpc: "2.0", error, id })

/** A failure on the wire: what has no place in an error of JSON-RPC stands in its `data`. */
export const errorOf = (failure: Failure): RpcError => {
  const { code, message, ...data } = FailureData.of(failure)
  return { code, message, data }
}

/** A failure from the wire. Of a server that knows no failures of ours, nothing says that trying again can help. */
export const failureOf = ({ code, data, message }: RpcError): Failure => {
  if (isObject(data)) {
    const ours = decodeFailure({ ...data, code, message })
    if (Result.isSuccess(ours)) return ours.success
  }
  return { code, name: nameOf(code), message, retryable: false, ...(data === undefined ? {} : { data }) }
}

/** The first whole number of a JSON text that JavaScript cannot hold as it is written. */
export const inexact = (text: string): string | undefined => {
  if (!/\d{16}/.test(text)) return undefined
  const token = /"|-?\d[\d.eE+-]*/g
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    const [word] = found
    // an expression for all of a string would need a stack as long as the string
    if (word === '"') token.lastIndex = behind(text, token.lastIndex)
    else if (word.length > 15 && /^-?\d+$/.test(word) && String(Number(word)) !== word) return word
  }
  return undefined
}

// internal

const decodeRequest = Schema.decodeUnknownResult(Request)
const decodeResponse = Schema.decodeUnknownResult(Response)
const decodeFailure = Schema.decodeUnknownResult(FailureData.Failure)
const isId = Schema.is(Id)

/** The place behind a string that begins at `from`. */
const behind = (text: string, from: number): number => {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === "\\") slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return text.length
}

/** Codes that JSON-RPC itself has names for. */
const nameOf = (code: number): string => {
  switch (code) {
    case -32700:
      return "PARSE_ERROR"
    case -32600:
      return "INVALID_REQUEST"
    case -32601:
      return "METHOD_NOT_FOUND"
    case -32602:
      return "INVALID_PARAMS"
    case -32603:
      return "INTERNAL_ERROR"
    default:
      return "REMOTE_ERROR"
  }
}
