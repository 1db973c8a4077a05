/**
 * What of a call decides its answer when it is played from a recording: protocol, method, the provider if the task names
 * one, and the params, without what only says how long to wait and how to deliver. Secrets stand in it by name, files by
 * name and content. The attempt and the run do not count.
 */
import { Effect, type Schema } from "effect"
import * as Contract from "./Contract.ts"
import type { Call } from "./Executor.ts"
import type { Files } from "./Files.ts"
import { canonical, sha256 } from "./Hash.ts"
import { isArray, isObject } from "./Json.ts"

export interface Request {
  readonly protocol: string
  readonly method: string
  /** The one that the task asks for by name. */
  readonly provider?: string
  /** Keys in order. */
  readonly params: Schema.Json
}

/** Of a call of the method that the contract is of. */
export const of = (call: Call, contract: Contract.Contract, files: Files["Service"]): Effect.Effect<Request> => {
  const { protocol } = contract
  const { method, params, provider } = call
  const request = (params: Schema.Json): Request => ({
    protocol,
    method,
    ...(provider === undefined ? {} : { provider }),
    params: ordered(params)
  })
  if (!isObject(params)) return Effect.succeed(request(params))
  const marked = marksOf(contract)
  return Effect.map(
    Effect.forEach(
      Object.entries(params).filter(([name, value]) => !isManner(protocol, name, value)),
      ([name, value]): Effect.Effect<readonly [string, Schema.Json]> => {
        const mark = marked.get(name)
        if (mark?.kind !== "file") return Effect.succeed([name, withoutOrigin(value)])
        const named = (one: Schema.Json) =>
          typeof one !== "string" || (mark.urls === true && isUrl(one)) ? Effect.succeed(one) : byContent(one, files)
        return Effect.map(isArray(value) ? Effect.forEach(value, named) : named(value), (value) => [name, value])
      }
    ),
    (entries) => request(Object.fromEntries(entries))
  )
}

/** 16 hexadecimal digits. */
export const keyOf = ({ method, params, protocol, provider }: Request): string =>
  sha256(canonical([protocol, method, provider ?? null, params])).slice(0, 16)

// internal

const known = new WeakMap<Contract.Contract, ReturnType<typeof Contract.marks>>()

const marksOf = (contract: Contract.Contract) => {
  const former = known.get(contract)
  if (former !== undefined) return former
  const marks = Contract.marks(contract)
  known.set(contract, marks)
  return marks
}

/** How long to wait and how to deliver. A value of another form is something of the method's own. */
const isManner = (protocol: string, name: string, value: Schema.Json): boolean =>
  name === "timeout"
    ? typeof value === "number" || typeof value === "string"
    : protocol === "llm/v1" && (name === "stream" || name === "keep_alive")

/** Where code stands in a file does not count. */
const withoutOrigin = (value: Schema.Json): Schema.Json => {
  if (!isObject(value) || !("segments" in value) || !("origin" in value)) return value
  const { origin: _origin, ...code } = value
  return code
}

const isUrl = (text: string): boolean => /^(?:data|https?):/i.test(text)

/** The folder that it lies in is another one on another machine. */
const byContent = (path: string, files: Files["Service"]): Effect.Effect<string> => {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)
  return Effect.match(files.hash(path), {
    onFailure: () => name,
    onSuccess: (hash) => `${name} sha256:${hash}`
  })
}

// Safe: what `canonical` writes is JSON.
const ordered = (params: Schema.Json): Schema.Json => JSON.parse(canonical(params)) as Schema.Json
