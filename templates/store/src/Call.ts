/** The words of the log. A line is a call of a member that changes something: of which service, when, with what. */
import { type Backend, Errors, Store } from "@gleitzeit/core"
import { Effect, Option, Schema } from "effect"

type Service = keyof Backend.Backend
type Member<S extends Service> = keyof Backend.Backend[S] & string
type Arguments<M> = M extends (...args: infer A) => unknown ? Readonly<A> : never

const text = Schema.String
const number = Schema.Finite
const Event = Schema.Struct({ at: number, kind: text, json: text })
const Append = Schema.Struct({
  run: text,
  after: number,
  owner: Schema.optionalKey(text),
  scope: Schema.optionalKey(text),
  events: Schema.NonEmptyArray(Event),
  blobs: Schema.optionalKey(Schema.Array(Schema.Struct({ hash: text, bytes: Schema.Uint8ArrayFromBase64 }))),
  summary: Schema.optionalKey(Store.RunSummary)
})
const Claim = Schema.Struct({ ttl: number, force: Schema.optionalKey(Schema.Boolean) })
const Put = Schema.Struct({ ttl: Schema.optionalKey(number), version: Schema.optionalKey(number) })

/** `id` is unlike that of any other call; `at` is in milliseconds since 1970. */
const call = <
  S extends Service,
  M extends Member<S>,
  A extends Schema.Codec<Arguments<Backend.Backend[S][M]>, unknown>
>(
  service: S,
  member: M,
  args: A
) => Schema.Struct({ id: text, at: number, service: Schema.Literal(service), member: Schema.Literal(member), args })

const Call = Schema.Union([
  call("store", "commit", Schema.Tuple([Schema.NonEmptyArray(Append)])),
  call("store", "post", Schema.Tuple([text, Event])),
  call("store", "remove", Schema.Tuple([text])),
  call("leases", "take", Schema.Tuple([text, text, number, number])),
  call("leases", "claim", Schema.Tuple([text, text, Claim])),
  call("leases", "beat", Schema.Tuple([text, number])),
  call("leases", "release", Schema.Tuple([Schema.Array(text), text])),
  call("keyValues", "put", Schema.Tuple([text, Schema.Json, Schema.optionalKey(Put)])),
  call("keyValues", "remove", Schema.Tuple([text]))
])
export type Call = typeof Call.Type

export const encode = (call: unknown): Effect.Effect<string, Errors.StoreError> =>
  Effect.mapError(encodeText(call), refused("commit", "give what the interfaces of a store say"))

/** Undefined for what is no call: the head of a line, and what was cut short. */
export const decode = (line: string): Effect.Effect<Call | undefined, Errors.StoreError> =>
  Option.match(decodeJson(line), {
    onNone: () => Effect.undefined,
    onSome: (json) => Effect.mapError(decodeCall(json), refused("read", "the log was written by another version"))
  })

// internal

const encodeText = Schema.encodeUnknownEffect(Schema.fromJsonString(Call))
const decodeJson = Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))
const decodeCall = Schema.decodeUnknownEffect(Call)

const refused = (operation: string, hint: string) => (cause: unknown) =>
  new Errors.StoreError({ operation, retryable: false, cause, hint })
