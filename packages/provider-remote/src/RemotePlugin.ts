/**
 * `@gleitzeit/provider-remote` by its name in a configuration: the options as files write them, with units, made into
 * those of `RemoteProvider`.
 */
import { Plugin } from "@gleitzeit/core"
import { Schema } from "effect"
import * as RemoteProvider from "./RemoteProvider.ts"

const Value = Schema.Union([Schema.String, Schema.Struct({ env: Schema.NonEmptyString })])

export const Options = Schema.Struct({
  url: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Where it answers JSON-RPC 2.0 over HTTP." })),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Value).annotate({
      description: "Sent with every request; `{ env: NAME }` takes the value from the environment. Never shown."
    })
  ),
  command: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "In place of `url`: the program, which answers line by line." })
  ),
  args: Schema.optionalKey(Schema.Array(Schema.String)),
  cwd: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Default: the current folder." })),
  env: Schema.optionalKey(
    Schema.Record(Schema.String, Value).annotate({
      description: "Environment variables of the program, beside PATH, HOME and the like."
    })
  ),
  protocol: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9_-]*\/v\d+$/)).annotate({
      description: "Of methods that do not say theirs. Default NAME/v1."
    })
  ),
  timeout: Schema.optionalKey(Plugin.duration.annotate({ description: "Of a call. Default 5m." })),
  discover_timeout: Schema.optionalKey(
    Plugin.duration.annotate({ description: "Until it has said what it can do. Default 5s, for a program 30s." })
  ),
  connect_timeout: Schema.optionalKey(Plugin.duration.annotate({ description: "Default 5s." })),
  concurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Calls at once. Default 8." })
  ),
  max_answer: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Bytes of an answer. Default 16 MiB." })
  )
})
export type Options = typeof Options.Type

export const plugin: Plugin.Plugin = Plugin.open({
  name: "remote",
  options: Options,
  make: (options, name) => RemoteProvider.make(optionsOf(options, name))
})

/** What stands in a file, in the words of `RemoteProvider`. */
export const optionsOf = (
  { connect_timeout, discover_timeout, max_answer, ...same }: Options,
  name: string
): RemoteProvider.Options => ({
  ...same,
  name,
  ...(connect_timeout === undefined ? {} : { connectTimeout: connect_timeout }),
  ...(discover_timeout === undefined ? {} : { discoverTimeout: discover_timeout }),
  ...(max_answer === undefined ? {} : { maxAnswer: max_answer })
})
