/** One message of JSON-RPC as its text came: what of it can be believed. Says nothing of how it travels. */
import type { JSONRPCMessage } from "@modelcontextprotocol/client"

/**
 * Undefined for what is no message. An answer that is malformed becomes an error with its id, so that nobody waits for
 * it until a timeout.
 */
export const read = (text: string): JSONRPCMessage | undefined => {
  const frame = parse(text)
  if (!isRecord(frame) || frame["jsonrpc"] !== "2.0") return undefined
  const { error, id, method, params, result } = frame
  if (typeof method === "string") {
    const isWhole = (id === undefined || isId(id)) && (params === undefined || isRecord(params))
    // Safe: it has a method, and an id and params of the right kinds or none.
    return isWhole ? (frame as unknown as JSONRPCMessage) : undefined
  }
  if (!isId(id)) return undefined
  if (isRecord(error)) {
    const { code, message } = error
    // Safe: it has an id and an error with a whole number and words.
    if (Number.isSafeInteger(code) && typeof message === "string") return frame as unknown as JSONRPCMessage
    return failed(id, typeof message === "string" ? message : "the server answered with an error that has no message")
  }
  if (!("result" in frame)) return undefined
  // Safe: it has an id and an object for its result.
  if (isRecord(result)) return frame as unknown as JSONRPCMessage
  return failed(id, `the result is ${result === null ? "null" : `a ${typeof result}`}, expected an object`)
}

/** An answer that says what went wrong with the call. */
export const failed = (id: string | number, message: string): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: { code: -32_603, message }
})

// internal

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isId = (value: unknown): value is string | number =>
  typeof value === "string" || (typeof value === "number" && Number.isFinite(value))
