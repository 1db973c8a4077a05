/** `gleitzeit providers add NAME (--url URL | -- COMMAND ARGS…)` and `gleitzeit providers remove NAME` */
import { Errors, type Failure, Providers } from "@gleitzeit/core"
import * as Registry from "@gleitzeit/provider-remote/Registry"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"

const name = Argument.String("name").pipe(
  Argument.withMetavar("NAME"),
  Argument.withDescription("What tasks and messages call it; methods without a prefix are of NAME/v1")
)

export const add = Command.make(
  "add",
  {
    name,
    command: Argument.String("command").pipe(
      Argument.withMetavar("COMMAND"),
      Argument.withDescription("After --: the program and its arguments, which answers line by line"),
      Argument.variadic()
    ),
    url: Flag.String("url").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription("Where it answers JSON-RPC 2.0 over HTTP"),
      Flag.optional
    ),
    header: Flag.String("header").pipe(
      Flag.withMetavar("NAME=VARIABLE"),
      Flag.withDescription("A header, its value taken from an environment variable: values are not kept"),
      Flag.atLeast(0)
    ),
    env: Flag.String("env").pipe(
      Flag.withMetavar("VARIABLE"),
      Flag.withDescription("An environment variable that the program gets beside PATH, HOME and the like"),
      Flag.atLeast(0)
    ),
    check: Flag.Boolean("check").pipe(
      Flag.withDescription("Ask it what it can do before it is registered (default); --no-check does not"),
      Flag.withDefault(true)
    )
  },
  Effect.fn("gleitzeit.providers.add")(function* ({ check, command: words, env, header, name, url }) {
    const output = yield* Output
    const [command, ...args] = words
    if (Option.isSome(url) === (command !== undefined)) {
      const issue = "expected --url URL or -- COMMAND ARGS…, and not both"
      return yield* new ExitCode.UsageError({ issue })
    }
    if ((yield* Machine.settings).store.value._tag === "Memory") {
      const issue =
        "a store in memory ends with this command: name another with --store, or the provider in the configuration"
      return yield* new ExitCode.UsageError({ issue })
    }
    const registration: Registry.Registration = Option.isSome(url)
      ? { url: url.value, ...fields("headers", yield* Effect.forEach(header, headerOf)) }
      : {
          ...(command === undefined ? {} : { command }),
          args,
          cwd: process.cwd(),
          ...fields("env", yield* Effect.forEach(env, (written) => Effect.map(variable("env", written), pairOf)))
        }
    if (Option.isSome(url) ? env.length > 0 : header.length > 0) {
      return yield* new ExitCode.UsageError({ issue: "--header goes with --url, and --env with a command" })
    }
    const isRegistered = (yield* Registry.list).some((one) => one.name === name)
    const onDuty = yield* (yield* Providers.Providers).all
    const taken = onDuty.find((provider) => provider.name === name)
    if (taken !== undefined && !isRegistered) {
      const issue = `a provider "${name}" is on duty already (for ${taken.protocol}); choose another name`
      return yield* new ExitCode.UsageError({ issue })
    }
    const methods = check ? yield* spinning(`asking ${name}`, usable(asked(name, registration))) : undefined
    yield* usable(Registry.register(name, registration))
    if (output.options.json) {
      return yield* output.json({ added: { name, ...registration, ...(methods === undefined ? {} : { methods }) } })
    }
    const has = methods === undefined ? "" : `: ${methods.length === 0 ? "no methods" : methods.join(", ")}`
    if (!output.options.quiet) yield* output.note(`added ${name}${has}`)
  })
).pipe(
  Command.withDescription("Register a provider in any language, for all who use this store"),
  Command.withShortDescription("Register a remote provider"),
  Command.withExamples([
    {
      command: "gleitzeit providers add rates --url http://127.0.0.1:9000/rpc --header authorization=RATES_TOKEN",
      description: "Over HTTP"
    },
    { command: "gleitzeit providers add rates -- python3 rates.py", description: "A program" }
  ]),
  Command.provide(() => Bundle.layer({ store: "given" }))
)

export const remove = Command.make(
  "remove",
  { name },
  Effect.fn("gleitzeit.providers.remove")(function* ({ name }) {
    const output = yield* Output
    if (!(yield* Registry.remove(name))) {
      const known = (yield* Registry.list).map((one) => one.name).join(", ") || "none"
      return yield* new ExitCode.NotFound({ issue: `no provider "${name}" is registered (registered: ${known})` })
    }
    if (output.options.json) yield* output.json({ removed: name })
    else if (!output.options.quiet) yield* output.note(`removed ${name}`)
  })
).pipe(
  Command.withDescription("Take back what providers add has registered"),
  Command.withShortDescription("Remove a registered provider"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)

// internal

/** What it says that it can do, from a provider that lives no longer than the question. */
const asked = (name: string, registration: Registry.Registration) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { RemoteProvider } = yield* Effect.promise(() => import("@gleitzeit/provider-remote"))
      const provider = yield* RemoteProvider.make({ ...registration, name })
      return (yield* provider.contracts).map(({ method }) => method)
    })
  )

/** What was written cannot be used: nothing was asked of anybody yet. */
const usable = <A, R>(effect: Effect.Effect<A, Failure.Failure, R>) =>
  Effect.mapError(effect, (failure) =>
    failure instanceof Errors.ProviderRefused ? new ExitCode.UsageError({ issue: failure.message }) : failure
  )

type Named = readonly [name: string, value: { readonly env: string }]

const pairOf = (name: string): Named => [name, { env: name }]

const fields = <K extends string>(key: K, all: ReadonlyArray<Named>) =>
  // Safe: an object with this key alone, or none.
  (all.length === 0 ? {} : { [key]: Object.fromEntries(all) }) as { readonly [_ in K]?: Record<string, Named[1]> }

const headerOf = (written: string): Effect.Effect<Named, ExitCode.UsageError> => {
  const at = written.indexOf("=")
  if (at < 1) return Effect.fail(new ExitCode.UsageError({ issue: "--header: expected NAME=VARIABLE" }))
  return Effect.map(variable("header", written.slice(at + 1)), (env): Named => [written.slice(0, at), { env }])
}

/** What was written in its place may be the secret itself: it is not shown. */
const variable = (flag: string, written: string): Effect.Effect<string, ExitCode.UsageError> =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(written)
    ? Effect.succeed(written)
    : Effect.fail(
        new ExitCode.UsageError({
          issue: `--${flag}: expected the name of an environment variable; values are not kept in the store`
        })
      )
