/** What came back for a call, made into its result or a failure that says whose mistake it is. */
import { Errors, Failure, JsonRpc } from "@gleitzeit/core"
import { Result, type Schema } from "effect"

export interface Call {
  /** Of the provider. */
  readonly provider: string
  readonly where: string
  /** As it stands on the wire. */
  readonly method: string
  /** As `Asking` has it. */
  readonly isExact: boolean
}

/** `text`: of the whole response. */
export const resultOf = (
  response: JsonRpc.Response,
  text: string,
  call: Call
): Result.Result<Schema.Json, Failure.Failure> => {
  if ("error" in response) return Result.fail(failureOf(response.error, call))
  const number = call.isExact ? JsonRpc.inexact(text) : undefined
  if (number === undefined) return Result.succeed(response.result)
  const issue = `the number ${number} in it cannot be held as it is written: numbers are exact up to 2^53; send it as text`
  return Result.fail(new Errors.InvalidResult({ method: call.method, issue }))
}

/** Something came that is no JSON-RPC: trying again meets it again. */
export const strange = ({ provider }: Call, reason: string): Failure.Failure =>
  new Errors.ProviderUnavailable({ provider, reason, retryable: false })

/** One line, at most 200 characters, in quotes. */
export const quoted = (text: string): string => {
  const line = text.slice(0, 2000).replaceAll(/\s+/gu, " ").trim()
  return JSON.stringify(line.length > 200 ? `${line.slice(0, 199)}…` : line)
}

// internal

/** Codes that say how an attempt stands with the engine of this side: nobody else can say that. */
const ownCodes: ReadonlySet<number> = new Set([-29017, -29018])

/** Characters of a message. */
const longest = 4000

const failureOf = (error: JsonRpc.RpcError, { method, provider, where }: Call): Failure.Failure => {
  const failure = JsonRpc.failureOf(error)
  const message = failure.message.length > longest ? `${failure.message.slice(0, longest - 1)}…` : failure.message
  if (failure.code === JsonRpc.methodNotFound.code) {
    return { ...failure, message: `${provider} has no method "${method}": ${message}` }
  }
  if (failure.code === JsonRpc.parseError.code || failure.code === JsonRpc.invalidRequest.code) {
    return { ...failure, message: `${where} cannot read what it is sent: ${message}` }
  }
  if (!ownCodes.has(failure.code)) return { ...failure, message }
  return Failure.of(
    new Errors.TaskExecutionFailed({
      reason: message,
      retryable: false,
      ...(failure.data === undefined ? {} : { data: failure.data })
    })
  )
}
