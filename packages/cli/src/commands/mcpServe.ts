/** `gleitzeit mcp serve [FOLDER] [--http PORT (--token-file FILE | --no-token)]` */
import type { Http, Tools } from "@gleitzeit/mcp-server"
import { Effect, Option, Redacted } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import { UsageError } from "../ExitCode.ts"
import { Output } from "../Output.ts"
import * as SecretFile from "../SecretFile.ts"
import * as Text from "../Text.ts"
import { version } from "../Version.ts"

/** Also of `mcp config`, which prints how this is started. */
export const workflows = Argument.String("folder").pipe(
  Argument.withMetavar("FOLDER"),
  Argument.withDescription("Where the workflows are; without it the current folder"),
  Argument.withDefault(".")
)

export const serve = Command.make(
  "serve",
  {
    folder: workflows,
    http: Flag.Int("http").pipe(
      Flag.withMetavar("PORT"),
      Flag.withDescription("Listen on 127.0.0.1 instead of standard input and output; 0 takes a port that is free"),
      Flag.filter(
        (port) => port >= 0 && port <= 65_535,
        () => "expected a port, from 0 to 65535"
      ),
      Flag.optional
    ),
    tokenFile: Flag.String("token-file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("With --http: the token that clients must bring stands in this file"),
      Flag.optional
    ),
    noToken: Flag.Boolean("no-token").pipe(
      Flag.withDescription("With --http: every program on this machine may run workflows"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    ),
    simulate: Bundle.simulateFlag
  },
  Effect.fn("gleitzeit.mcp.serve")(function* ({ folder, http, noToken, tokenFile }) {
    const token = yield* given(http, tokenFile, noToken)
    const { Http, McpServer, Stdio, Tools } = yield* Effect.promise(() => import("@gleitzeit/mcp-server"))
    const mcp = yield* McpServer.make({ folder, version })
    if (Option.isNone(http)) {
      const told = Effect.flatMap(Tools.read(folder, []), (shelf) =>
        tell(shelf, folder, "on standard input and output")
      )
      // a provider that is slow to say what it can do keeps no client waiting for its greeting
      return yield* Effect.raceFirst(Stdio.serve(mcp), Effect.andThen(told, Effect.never))
    }
    const shelf = yield* Tools.read(folder, [])
    const { url } = yield* Http.serve(mcp, { port: http.value, token })
    yield* tell(shelf, folder, `at ${url}`)
    return yield* Effect.never
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Be an MCP server: every workflow of a folder is a tool, beside tools that begin runs, look at them and answer them"
  ),
  Command.withShortDescription("Be an MCP server whose tools are workflows"),
  Command.withExamples([
    { command: "gleitzeit mcp serve flows", description: "For a client that starts it" },
    { command: "gleitzeit mcp serve flows --http 7345 --token-file ~/.gleitzeit-token", description: "For several" }
  ]),
  Command.provide(({ simulate }) =>
    Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate), recover: true })
  )
)

// internal

/** A token that can be guessed is none. */
const shortest = 16

const given = Effect.fnUntraced(function* (
  http: Option.Option<number>,
  file: Option.Option<string>,
  noToken: boolean
): Effect.fn.Return<Http.Options["token"], UsageError, Output> {
  const refuse = (issue: string) => Effect.fail(new UsageError({ issue }))
  if (Option.isNone(http)) {
    return Option.isSome(file) || noToken
      ? yield* refuse("--token-file and --no-token go with --http: who started this process is not asked")
      : undefined
  }
  if (noToken) {
    return Option.isSome(file) ? yield* refuse("--token-file and --no-token exclude each other") : undefined
  }
  if (Option.isNone(file)) {
    return yield* refuse("--http needs --token-file FILE, or --no-token for a machine where nobody else runs programs")
  }
  const read = yield* Effect.mapError(SecretFile.read(file.value), ({ message }) => new UsageError({ issue: message }))
  const token = read.text.trim()
  if (token.length < shortest || /\s/.test(token)) {
    return yield* refuse(`--token-file ${file.value}: expected one word of at least ${shortest} characters`)
  }
  if (read.open) {
    const output = yield* Output
    yield* output.note(`${output.style.yellow("warning:")} ${file.value} may be read by others; chmod 600 it`)
  }
  return Redacted.make(token)
})

const tell = Effect.fnUntraced(function* ({ broken, tools }: Tools.Shelf, folder: string, where: string) {
  const output = yield* Output
  if (output.options.quiet) return
  const bad = broken.length === 0 ? "" : ` (${Text.count(broken.length, "file")} with mistakes: gleitzeit check tells)`
  yield* output.note(`serving ${Text.count(tools.length, "workflow")} of ${folder} ${where}${bad}`)
})
