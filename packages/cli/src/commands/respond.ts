/** `gleitzeit respond RUN [REQUEST [VALUE]]` */
import { Errors, Gleitzeit, type Run } from "@gleitzeit/core"
import { Clock, Effect, Option, Result } from "effect"
import * as Answer from "../Answer.ts"
import { ask, canAsk } from "../Ask.ts"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import { UsageError } from "../ExitCode.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Interrupted from "../Interrupted.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import * as Requests from "../Requests.ts"
import * as RunName from "../RunName.ts"

export const respond = Command.make(
  "respond",
  {
    run: RunName.argument,
    request: Argument.String("request").pipe(
      Argument.withMetavar("REQUEST"),
      Argument.withDescription("What is asked; without it all that is asked is listed"),
      Argument.optional
    ),
    value: Argument.String("value").pipe(
      Argument.withMetavar("VALUE"),
      Argument.withDescription("The answer, JSON or text; without it, it is asked for on a terminal"),
      Argument.optional
    ),
    simulate: Bundle.simulateFlag,
    watch: watchFlag
  },
  Effect.fn("gleitzeit.respond")(function* ({ request: name, run, value, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const report = yield* gleitzeit.get(id)
    if (Option.isNone(name)) return yield* list(report)
    const since = yield* Clock.currentTimeMillis
    const request = report.waiting.find(({ request }) => request === name.value)
    const driving = yield* Option.isSome(value)
      ? respondWith(id, request, name.value, value.value)
      : respondAsked(id, request, name.value, report)
    if (driving) return yield* goOn(id, { watch, since })
    if (output.options.json) yield* output.json({ run: id, request: name.value })
    else if (!output.options.quiet) yield* output.note(yield* Interrupted.handed(id, "handed to"))
  })
).pipe(
  Command.withDescription("Answer what a run waits for, or list it; the run goes on"),
  Command.withShortDescription("Answer what a run waits for"),
  Command.withExamples([
    { command: "gleitzeit respond latest", description: "What is asked" },
    { command: "gleitzeit respond latest review yes", description: "An approval" },
    { command: "gleitzeit respond latest budget tokens=20000", description: "A higher budget" }
  ]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)

// internal

const list = Effect.fnUntraced(function* (report: Run.Report) {
  const output = yield* Output
  const { run, status, waiting } = report
  if (output.options.json) return yield* output.json({ run, status, waiting })
  const lines = yield* Requests.listed(report, output.dataStyle)
  if (lines.length === 0) return yield* output.note(`run ${run} is ${status}: nothing is asked`)
  yield* output.data(lines.join("\n"))
})

/** What is not open may have been answered meanwhile, or be no question at all: the engine knows. */
const respondWith = Effect.fnUntraced(function* (
  run: string,
  request: Run.Request | undefined,
  name: string,
  text: string
) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const value = request === undefined ? Result.succeed(Answer.free(text)) : Answer.read(request, text, false)
  if (Result.isFailure(value)) return yield* new Errors.InvalidAnswer({ request: name, issues: [value.failure] })
  return yield* gleitzeit.respond(run, name, value.success, Machine.user())
})

const respondAsked = Effect.fnUntraced(function* (
  run: string,
  request: Run.Request | undefined,
  name: string,
  { waiting }: Run.Report
) {
  if (request === undefined) {
    return yield* new Errors.RequestNotFound({ run, request: name, open: waiting.map(({ request }) => request) })
  }
  if (!(yield* canAsk) || !Answer.isForPeople(request)) {
    return yield* new UsageError({ issue: `VALUE is missing: expected ${Answer.expected(request)}` })
  }
  return (yield* ask(run, request)) ?? false
})
