/** `gleitzeit call METHOD [PARAMS]` */
import { Diagnostic, Errors, Gleitzeit, MethodName, Providers } from "@gleitzeit/core"
import { Clock, Effect, Option, Schema } from "effect"
import * as Bundle from "../Bundle.ts"
import * as Caveats from "../Caveats.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Fault from "../Fault.ts"
import { goOn } from "../GoOn.ts"
import * as Inputs from "../Inputs.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"
import * as View from "../View.ts"

export const call = Command.make(
  "call",
  {
    method: Argument.String("method").pipe(
      Argument.withMetavar("METHOD"),
      Argument.withDescription("Such as llm/chat; gleitzeit protocols lists them")
    ),
    params: Argument.String("params").pipe(
      Argument.withMetavar("PARAMS"),
      Argument.withDescription("One JSON object, or NAME=VALUE as often as needed"),
      Argument.variadic()
    ),
    provider: Flag.String("provider").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Which of several providers"),
      Flag.optional
    ),
    timeout: Flag.Finite("timeout").pipe(
      Flag.withMetavar("SECONDS"),
      Flag.withDescription("How long it may take (default: as long as the provider lets it)"),
      Flag.filter(
        (seconds) => seconds > 0,
        () => "expected more than 0 seconds"
      ),
      Flag.optional
    ),
    simulate: Bundle.simulateFlag
  },
  Effect.fn("gleitzeit.call")(({ method, params, provider, timeout }) => called(method, params, { provider, timeout }))
).pipe(
  Command.withDescription("Call one method without a file, as a run of its own"),
  Command.withShortDescription("Call one method without a file"),
  Command.withExamples([
    { command: "gleitzeit call llm/chat model=llama3.2 prompt='Say hello'", description: "With names and values" },
    { command: `gleitzeit call python/execute '{"code": "result = 6 * 7"}'`, description: "With JSON" }
  ]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)

/** Calls it as a run of its own and shows what comes of it. `written`: as the command line has the params. */
export const called = Effect.fnUntraced(function* (
  method: string,
  written: ReadonlyArray<string>,
  {
    provider,
    timeout
  }: {
    readonly provider: Option.Option<string>
    /** Seconds. */
    readonly timeout: Option.Option<number>
  }
) {
  const output = yield* Output
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const contracts = yield* gleitzeit.contracts
  const contract = MethodName.find(contracts, method)
  if (contract === undefined) {
    const { choose } = yield* Providers.Providers
    // a plug-in that cannot be loaded says why nobody serves it
    const failure = yield* Effect.flip(choose(method, {}))
    return yield* Effect.fail(failure instanceof Errors.MethodNotFound ? unknownMethod(method, failure.known) : failure)
  }
  const params = yield* read(written, contract.params)
  const { run } = yield* spinning(
    method,
    gleitzeit.call(method, params, {
      folder: process.cwd(),
      ...(Option.isNone(provider) ? {} : { provider: provider.value }),
      ...(Option.isNone(timeout) ? {} : { timeout: timeout.value * 1000 })
    })
  ).pipe(Effect.catchTag("InvalidWorkflow", (error) => Effect.fail(withoutPlaces(error))))
  const report = yield* gleitzeit.get(run)
  if (report.status === "waiting") {
    return yield* goOn(run, { watch: false, since: yield* Clock.currentTimeMillis })
  }
  const [task] = Object.values(report.tasks)
  if (output.options.json) yield* output.json(report)
  else if (task?.result !== undefined) {
    const { verbose } = output.options
    yield* output.data(verbose ? JSON.stringify(task.result, null, 2) : View.readable(task.result))
  } else if (task?.error !== undefined) yield* output.note(Fault.text(task.error, output.style))
  if (!output.options.json) {
    for (const line of Caveats.lines([[method, task?.result]], output.style)) yield* output.note(line)
  }
  if (task?.simulated === true) yield* output.note(View.simulatedNotice([method], output.style))
  const exit = ExitCode.ofReport(report)
  if (exit !== ExitCode.ok) return yield* new ExitCode.Ended({ exit })
})

// internal

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const read = (written: ReadonlyArray<string>, schema: { readonly [key: string]: unknown }) =>
  Effect.suspend((): Effect.Effect<{ readonly [name: string]: Schema.Json }, ExitCode.UsageError> => {
    const [first] = written
    const refuse = (issue: string) => Effect.fail(new ExitCode.UsageError({ issue }))
    if (written.length === 1 && first !== undefined && first.trimStart().startsWith("{")) {
      return Effect.try({
        try: (): unknown => JSON.parse(first),
        catch: (error) => new ExitCode.UsageError({ issue: `PARAMS: expected a JSON object: ${reason(error)}` })
      }).pipe(
        // Safe: JSON that begins with a brace is an object.
        Effect.map((value) => value as { readonly [name: string]: Schema.Json })
      )
    }
    const properties = schema["properties"]
    const params: Record<string, Schema.Json> = {}
    for (const text of written) {
      const parts = Inputs.pair(text)
      if (parts === undefined) return refuse(`PARAMS: expected one JSON object or NAME=VALUE, not "${text}"`)
      const [name, value] = parts
      params[name] = Inputs.coerced(
        value,
        isRecord(properties) && isRecord(properties[name]) ? properties[name] : undefined
      )
    }
    return Effect.succeed(params)
  })

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** There is no document, so its places say nothing. */
const withoutPlaces = ({ diagnostics }: Errors.InvalidWorkflow): ExitCode.UsageError =>
  new ExitCode.UsageError({
    issue: diagnostics.map(({ message }) => message.replace(/^tasks\[0\][^:]*: /, "")).join("\n")
  })

const unknownMethod = (method: string, known: ReadonlyArray<string>) => {
  const meant = Diagnostic.nearest(method, known)
  return meant === undefined
    ? new Errors.MethodNotFound({ method, known })
    : new ExitCode.UsageError({ issue: `there is no method "${method}", did you mean "${meant}"?` })
}
