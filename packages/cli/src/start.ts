/** The whole program: reads the command line, runs the command, tells errors, ends the process with its exit code. */
import { Cause, Console, Effect, Exit, FileSystem, Layer, Path, Runtime, Sink, Stdio, Stream, Terminal } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as NodeConsole from "node:console"
import { writeSync } from "node:fs"
import { CliConfig, CliOutput, Command, Flag, GlobalFlag } from "./Cli.ts"
import { gleitzeit } from "./commands.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Fault from "./Fault.ts"
import * as Machine from "./Machine.ts"
import * as McpParams from "./McpParams.ts"
import * as Output from "./Output.ts"
import * as Usage from "./Usage.ts"
import { version } from "./Version.ts"

/** The exit code. Interrupted, it is interrupted; it never fails. */
export const program = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    // read here too, for whatever happens before or after the command line is understood
    const helpAsked = said(args, "--help") || said(args, "-h")
    const debug = said(args, "--debug") || (yield* Machine.debugging)
    const output = yield* Output.make({
      json: said(args, "--json"),
      verbose: false,
      quiet: false,
      debug,
      noColor: said(args, "--no-color")
    })
    return yield* Command.runWith(gleitzeit, { version })(McpParams.spread(args)).pipe(
      Effect.as(ExitCode.ok),
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
        const usage = cause.reasons.find(Cause.isFailReason)?.error
        if (isShowHelp(usage)) {
          const mistaken = usage.errors.length > 0 || (output.options.json && !helpAsked)
          return Effect.succeed(mistaken ? ExitCode.usage : ExitCode.ok)
        }
        return Fault.tell(cause, output)
      }),
      Effect.provide(surroundings(output, helpAsked))
    )
  })

export const start = (args: ReadonlyArray<string>): void => {
  // whoever read the output has gone away: nothing is left to be said
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  // standard output belongs to the command: what a plug-in prints goes elsewhere
  const own = globalThis.console
  globalThis.console = new NodeConsole.Console(process.stderr, process.stderr)
  process.on("exit", () => {
    if (isOver) return
    process.exitCode = ExitCode.failed
    writeSync(2, "error: something that was loaded (a plug-in, a configuration) has ended the program\n")
  })
  main(Effect.provideService(program(args), Console.Console, own), { disableErrorReporting: true })
}

/**
 * What effect's command line asks for and this one does not use: it asks no questions, starts no processes, and reads
 * files itself. So what that takes is not loaded, which would be a tenth of the time to start.
 */
export const unused = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(
    Stdio.Stdio,
    Stdio.make({
      args: Effect.succeed([]),
      stdout: () => Sink.drain,
      stderr: () => Sink.drain,
      stdin: Stream.empty
    })
  ),
  Layer.succeed(
    Terminal.Terminal,
    Terminal.make({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      size: Effect.never,
      readInput: Effect.never,
      readLine: Effect.fail(new Terminal.QuitError({})),
      display: () => Effect.void
    })
  ),
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die(new Error("the command line starts no processes")))
  )
)

// internal

/** The program itself ends the process. */
let isOver = false

const end = (code: number): void => {
  isOver = true
  process.exit(code)
}

/** The first signal interrupts and lets the program put itself in order, the second ends it at once. */
const main = Runtime.makeRunMain(({ fiber }) => {
  let received: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (received !== undefined) {
      if (process.stderr.isTTY) process.stderr.write(Output.showCursor)
      end(ofSignal(signal))
    }
    received = signal
    fiber.interruptUnsafe(fiber.id)
  }
  for (const signal of signals) process.on(signal, onSignal)
  fiber.addObserver((exit) => {
    const code = Exit.isSuccess(exit)
      ? typeof exit.value === "number"
        ? exit.value
        : ExitCode.ok
      : received === undefined
        ? ExitCode.failed
        : ofSignal(received)
    // both streams are flushed before the end: a pipe may be slower than we are
    process.stdout.write("", () => process.stderr.write("", () => end(code)))
  })
})

const signals: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP"]

const ofSignal = (signal: NodeJS.Signals): number => 128 + (signal === "SIGINT" ? 2 : signal === "SIGTERM" ? 15 : 1)

const said = (args: ReadonlyArray<string>, flag: string): boolean => {
  const end = args.indexOf("--")
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === flag || arg === `${flag}=true`)
}

const isShowHelp = (error: unknown): error is { readonly errors: ReadonlyArray<unknown> } =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp"

const surroundings = (output: Output.Output["Service"], helpAsked: boolean) =>
  Layer.mergeAll(
    unused,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, versionFlag] }),
    CliOutput.layer(CliOutput.defaultFormatter({ colors: output.dataStyle.bold("") !== "", globalFlags: "summary" })),
    CliOutput.layerPresenter(Usage.presenter(output, helpAsked))
  )

/** Without the alias `-v`, which is `--verbose` here. */
const versionFlag = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(Flag.withDescription("Show the version"), Flag.withDefault(false)),
  run: GlobalFlag.Version.run
})
