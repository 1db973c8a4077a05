/**
 * Tools that speak of runs, for what takes longer than a client waits, or waits for somebody: begin one and get its id,
 * look at it, answer it, end it, and see what there is to run.
 */
import { Errors, type Failure, Gleitzeit, type Json, JsonSchemaCheck, Protocol } from "@gleitzeit/core"
import type { CallToolResult, Tool } from "@modelcontextprotocol/server"
import { Effect, Result, Schema } from "effect"
import * as Answer from "./Answer.ts"
import * as Following from "./Following.ts"
import * as Tools from "./Tools.ts"

export interface RunTool {
  readonly definition: Tool
  readonly call: (
    given: Json.JsonObject,
    caller: Following.Caller,
    library: Tools.Library
  ) => Effect.Effect<CallToolResult, Failure.Failure, Gleitzeit.Gleitzeit>
}

/** What is wrong with the arguments of a tool, each with what was expected. */
const issues = (schema: Tool["inputSchema"], given: Json.JsonObject): ReadonlyArray<string> =>
  // Safe: a JSON Schema is JSON.
  JsonSchemaCheck.check(schema as Json.JsonObject, given).map(JsonSchemaCheck.inWords)

/** Creates a run, and drives it. */
export const start = (
  { folder, workflow }: Tools.WorkflowTool,
  inputs: Json.JsonObject
): Effect.Effect<string, Failure.Failure, Gleitzeit.Gleitzeit> =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => gleitzeit.submit(workflow, { inputs, folder }))

const described = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const wait_ms = (standard: number) =>
  Schema.optionalKey(
    described(
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600_000 })),
      `How long to wait for the run, in milliseconds. Default ${standard}.`
    )
  )
const run_id = described(Schema.NonEmptyString, "As `run_workflow` gave it.")

/** An object without fields; as a schema, `Schema.Struct({})` is anything but null. */
const nothing = Schema.Record(Schema.String, Schema.Never)

/** Milliseconds that fit into what clients wait without being told. */
const soon = 20_000

const tool = <P extends Schema.Codec<unknown, unknown>>(options: {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly params: P
  readonly result: Schema.Codec<unknown, unknown>
  readonly hints: Tool["annotations"]
  readonly call: (
    params: P["Type"],
    caller: Following.Caller,
    library: Tools.Library
  ) => Effect.Effect<CallToolResult, Failure.Failure, Gleitzeit.Gleitzeit>
}): RunTool => {
  const { call, description, hints, name, params, result, title } = options
  const decode = Schema.decodeUnknownResult(params, { onExcessProperty: "error" })
  const definition: Tool = {
    name,
    title,
    description,
    // Safe: these are JSON Schemas of objects, for so are params and results.
    inputSchema: Protocol.jsonSchema(params) as Tool["inputSchema"],
    outputSchema: Protocol.jsonSchema(result) as Tool["outputSchema"],
    annotations: { title, ...hints }
  }
  return {
    definition,
    call: (given, caller, library) => {
      const decoded = decode(given)
      if (Result.isSuccess(decoded)) return call(decoded.success, caller, library)
      const told = issues(definition.inputSchema, given)
      const issue = told.length > 0 ? told.join("; ") : decoded.failure.message
      return Effect.fail(new Errors.InvalidParams({ method: name, issue }))
    }
  }
}

const Listed = Schema.Struct({
  workflows: Schema.Array(
    Schema.Struct({
      tool: Schema.String,
      name: Schema.String,
      description: Schema.optionalKey(Schema.String),
      file: Schema.String,
      inputs: Schema.Json
    })
  ),
  broken: Schema.Array(Schema.Struct({ file: Schema.String, issues: Schema.Array(Schema.String) }))
})

const looks = { readOnlyHint: true, idempotentHint: true, openWorldHint: false }

const runWorkflow = tool({
  name: "run_workflow",
  title: "Begin a workflow",
  description:
    "Runs a workflow and gives its run_id, with the outputs when it is over in time. A run that is not over goes on; `get_run` waits for it. For long ones, and for whatever is to go on when this connection ends.",
  params: Schema.Struct({
    workflow: described(
      Schema.NonEmptyString,
      "Its tool's name, its own name or its file, as `list_workflows` gives them."
    ),
    inputs: Schema.optionalKey(described(Schema.Record(Schema.String, Schema.Json), "Its inputs by name.")),
    wait_ms: wait_ms(soon)
  }),
  result: Answer.Shown,
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  call: Effect.fnUntraced(function* ({ inputs = {}, wait_ms = soon, workflow }, caller, library) {
    const tool = yield* Tools.find(library, workflow)
    if (tool === undefined) return Answer.refused(unknown(workflow, yield* library.all))
    if ("issues" in tool) return Answer.broken(tool)
    return yield* Following.begun(start(tool, inputs), caller, (run) =>
      Effect.map(shown(run, wait_ms, Following.until(run, caller)), (shown) => Answer.ofShown(shown, true))
    )
  })
})

const getRun = tool({
  name: "get_run",
  title: "Look at a run",
  description: "The status of a run, its outputs, why it has failed, or what it waits for.",
  params: Schema.Struct({ run_id, wait_ms: wait_ms(0) }),
  result: Answer.Shown,
  hints: looks,
  call: ({ run_id, wait_ms = 0 }, caller) =>
    Effect.map(shown(run_id, wait_ms, Following.until(run_id, caller)), (shown) => Answer.ofShown(shown, false))
})

const cancelRun = tool({
  name: "cancel_run",
  title: "Cancel a run",
  description: "Ends a run: what is under way is stopped, what has not begun is left out.",
  params: Schema.Struct({ run_id }),
  result: Answer.Shown,
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  call: Effect.fnUntraced(function* ({ run_id }) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    yield* gleitzeit.cancel(run_id, by)
    // who drives it somewhere else needs a moment
    const report = yield* Effect.timeoutOption(gleitzeit.wait(run_id), "5 seconds").pipe(
      Effect.andThen(gleitzeit.get(run_id))
    )
    return Answer.ofShown(Answer.show(report), false)
  })
})

const respond = tool({
  name: "respond",
  title: "Answer a run",
  description:
    "Answers what a run waits for, and waits for what comes next. The questions are meant for people: ask the user, and pass on what the user says.",
  params: Schema.Struct({
    run_id,
    request: described(Schema.NonEmptyString, "As `waiting` of the run names it."),
    value: described(
      Schema.Json,
      "The answer. It must match the request's schema; to an approval true or false will do."
    ),
    wait_ms: wait_ms(soon)
  }),
  result: Answer.Shown,
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  call: Effect.fnUntraced(function* ({ request, run_id, value, wait_ms = soon }, caller) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const driven = yield* gleitzeit.respond(run_id, request, value, by)
    // somebody else drives it, and may not have begun
    const following = driven ? Following.until(run_id, caller) : Effect.never
    return Answer.ofShown(yield* shown(run_id, driven ? wait_ms : 0, following), true)
  })
})

const listWorkflows = tool({
  name: "list_workflows",
  title: "List workflows",
  description: "What there is to run, each with its tool's name and inputs, and the files that have mistakes.",
  params: nothing,
  result: Listed,
  hints: looks,
  call: (_, __, library) =>
    Effect.map(library.all, ({ broken, tools }) =>
      Answer.structured({
        workflows: tools.map(({ definition, file, name, workflow }) => ({
          tool: name,
          name: workflow.name,
          ...(workflow.description === undefined ? {} : { description: workflow.description }),
          file,
          inputs: definition.inputSchema
        })),
        broken
      })
    )
})

export const all: ReadonlyArray<RunTool> = [runWorkflow, getRun, cancelRun, respond, listWorkflows]

export const names: ReadonlyArray<string> = all.map(({ definition }) => definition.name)

// internal

/** Who has said it, for the record. */
const by = "mcp"

/** The run once it is at rest, or as it is when the time is up. */
const shown = <R>(
  run: string,
  wait_ms: number,
  rest: Effect.Effect<unknown, Failure.Failure, R>
): Effect.Effect<Answer.Shown, Failure.Failure, R | Gleitzeit.Gleitzeit> =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (wait_ms > 0) yield* Effect.timeoutOption(rest, wait_ms)
    const shown = Answer.show(yield* gleitzeit.get(run))
    const isIdle = shown.status === "running" && (yield* gleitzeit.interrupted).includes(run)
    return isIdle ? { ...shown, interrupted: true as const } : shown
  })

const unknown = (workflow: string, { broken, tools }: Tools.Shelf): string => {
  const known = tools.map(({ name }) => name).join(", ") || "none"
  const bad = broken.length === 0 ? "" : "; `list_workflows` tells of files with mistakes"
  return `there is no workflow "${workflow}" (there: ${known}${bad})`
}
