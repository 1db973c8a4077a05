/**
 * `@gleitzeit/provider-mcp` by its name in a configuration. What the section `mcp` says comes with `of`; a program that
 * loads the package as it would a stranger's gives the same under `options`.
 */
import { Errors, McpSection, Plugin, type Provider, Secrets } from "@gleitzeit/core"
import { Effect, Option, Result, Schema, type Scope } from "effect"
import { homedir } from "node:os"
import { resolve } from "node:path"
import * as Lock from "./Lock.ts"
import * as McpConfig from "./McpConfig.ts"
import * as McpProvider from "./McpProvider.ts"
import * as McpServers from "./McpServers.ts"
import * as Paths from "./Paths.ts"
import * as TextFile from "./TextFile.ts"

const own = {
  lock: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "What the tools promised. Default: `gleitzeit.lock` in the project's folder, where there is one."
    })
  ),
  max_answer: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Bytes of an answer. Default 16 MiB." })
  )
}

/** What may stand under `providers.mcp`. */
const OwnOptions = Schema.Struct(own)
type OwnOptions = typeof OwnOptions.Type

export const Options = Schema.Struct({ ...McpSection.Section.fields, ...own })
export type Options = typeof Options.Type

/** Of servers that are known otherwise. */
export const of = (source: McpConfig.Source): Plugin.ProviderPlugin =>
  Plugin.open({ name: "mcp", options: OwnOptions, make: (options, name) => opened(source, options, name) })

export const plugin: Plugin.ProviderPlugin = Plugin.open({
  name: "mcp",
  options: Options,
  make: (options: Options, name) =>
    Effect.suspend(() => {
      const [mistake] = McpSection.mistakes(options)
      if (mistake !== undefined) {
        return Effect.fail(new Errors.ConfigurationError({ setting: `the options of "${name}"`, issue: mistake }))
      }
      const { import: imports = [], inputs = {} } = options
      const folder = resolve(".")
      const home = homedir()
      const from = `the options of "${name}"`
      const servers = McpSection.servers(options).map(({ name, server }) => ({ name, from, server, folder }))
      const files = imports.map((path) => Paths.absolute(path, folder, home))
      return opened({ servers, imports: files, inputs, folder, home }, options, name)
    })
})

/** The file that `gleitzeit mcp lock` writes. */
export const lockName = "gleitzeit.lock"

/** Absent where there is none and none is named. */
export const lockOf = (
  source: Pick<McpConfig.Source, "folder" | "home">,
  named: string | undefined
): Effect.Effect<Lock.Lock | undefined, Errors.ConfigurationError> =>
  Effect.suspend(() => {
    const path = Paths.absolute(named ?? lockName, source.folder, source.home)
    const text = TextFile.read(path)
    if (Result.isSuccess(text)) return Effect.fromResult(Lock.read(text.success, named ?? lockName))
    return named === undefined && text.failure === TextFile.missing
      ? Effect.undefined
      : Effect.fail(new Errors.ConfigurationError({ setting: named ?? lockName, issue: text.failure }))
  })

// internal

const opened = (
  source: McpConfig.Source,
  { lock: named, max_answer }: OwnOptions,
  name: string
): Effect.Effect<Provider.Provider, Errors.ConfigurationError | Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const read = McpConfig.read(source)
    // where it is no part of a program that has them, they are in the environment
    const secrets = Option.getOrUndefined(yield* Effect.serviceOption(Secrets.Secrets))
    const configured = yield* secrets === undefined
      ? Effect.provide(read, Secrets.layer)
      : Effect.provideService(read, Secrets.Secrets, secrets)
    const servers = yield* McpServers.make(McpConfig.servers(configured))
    const lock = yield* lockOf(source, named)
    return yield* McpProvider.make({
      servers,
      name,
      ...(lock === undefined ? {} : { lock }),
      ...(max_answer === undefined ? {} : { maxAnswer: max_answer })
    })
  })
