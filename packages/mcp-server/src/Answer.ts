/** What a tool answers: how a run has ended, or what it waits for, for models and for programs. */
import { type Failure, Json, type Run } from "@gleitzeit/core"
import type { CallToolResult } from "@modelcontextprotocol/server"
import { Schema } from "effect"
import type { ObjectSchema } from "./Signature.ts"

/** What is asked of somebody, and how to say the answer. */
export const Open = Schema.Struct({
  request: Schema.String,
  kind: Schema.String,
  prompt: Schema.optionalKey(Schema.String),
  /** JSON Schema of the answer. */
  schema: Schema.optionalKey(Schema.Json),
  /** What the question is about. */
  data: Schema.optionalKey(Schema.Json),
  /** Milliseconds since 1970. */
  expires: Schema.optionalKey(Schema.Finite)
})
export type Open = typeof Open.Type

/** Why a run has failed, and in which task. */
export const Failed = Schema.Struct({
  task: Schema.optionalKey(Schema.String),
  code: Schema.Int,
  name: Schema.String,
  message: Schema.String
})
export type Failed = typeof Failed.Type

/** A run as the tools show it. */
export const Shown = Schema.Struct({
  run_id: Schema.String,
  workflow: Schema.String,
  status: Schema.Literals(["pending", "running", "waiting", "completed", "failed", "cancelled"]),
  /** In tasks. */
  progress: Schema.Struct({ completed: Schema.Finite, total: Schema.Finite }),
  outputs: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  error: Schema.optionalKey(Failed),
  waiting: Schema.optionalKey(Schema.Array(Open)),
  warnings: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Nobody drives it: its process has ended. */
  interrupted: Schema.optionalKey(Schema.Literal(true))
})
export type Shown = typeof Shown.Type

/** A tool that runs a workflow gives its outputs, or says what the run waits for. */
export const schema = (outputs: ObjectSchema): ObjectSchema => ({
  type: "object",
  anyOf: [
    outputs,
    {
      type: "object",
      description: "The run waits for somebody: nothing has failed, and `respond` answers.",
      properties: {
        run_id: { type: "string" },
        status: { const: "waiting" },
        waiting: { type: "array", items: { type: "object" } }
      },
      required: ["run_id", "status", "waiting"]
    }
  ]
})

export const show = (report: Run.Report): Shown => {
  const { outputs, progress, run, status, waiting, warnings, workflow } = report
  const error = failedOf(report)
  return {
    run_id: run,
    workflow,
    status,
    progress,
    ...(outputs === undefined ? {} : { outputs }),
    ...(error === undefined ? {} : { error }),
    ...(waiting.length === 0 ? {} : { waiting: waiting.map(open) }),
    ...(warnings.length === 0 ? {} : { warnings })
  }
}

/** Of a tool that runs one workflow. */
export const ofRun = (report: Run.Report): CallToolResult => {
  const shown = show(report)
  const meta = { _meta: { "gleitzeit/run": report.run } }
  switch (report.status) {
    case "completed": {
      const outputs = report.outputs ?? {}
      return { content: [text(JSON.stringify(outputs, null, 2))], structuredContent: outputs, ...meta }
    }
    case "failed":
    case "cancelled":
      return { ...refused(inWords(shown)), ...meta }
    default: {
      const { run_id, waiting = [] } = shown
      const structuredContent = { run_id, status: "waiting", waiting }
      return { content: [text(inWords(shown))], structuredContent, ...meta }
    }
  }
}

/** Of a tool that speaks of runs. A run that has failed is an error of the tool that ran it, not of one that looks. */
export const ofShown = (shown: Shown, hasRun: boolean): CallToolResult => {
  const isBad = shown.status === "failed" || shown.status === "cancelled"
  const meta = { _meta: { "gleitzeit/run": shown.run_id } }
  if (hasRun && isBad) return { ...refused(inWords(shown)), ...meta }
  return { ...structured(shown, inWords(shown)), ...meta }
}

/** A value for programs, with words for models before it. */
export const structured = (value: object, words?: string): CallToolResult => ({
  content: [...(words === undefined ? [] : [text(words)]), text(JSON.stringify(value, null, 2))],
  // Safe: it is an object of JSON values.
  structuredContent: value as { [key: string]: unknown }
})

/** Nothing has come of the call. */
export const refused = (message: string): CallToolResult => ({ content: [text(message)], isError: true })

/** Of a file with mistakes, which may have been a tool a moment ago. */
export const broken = ({ file, issues }: { readonly file: string; readonly issues: ReadonlyArray<string> }) =>
  refused([`${file} has mistakes:`, ...issues].join("\n"))

export const ofFailure = ({ code, message, name }: Failure.Failure): CallToolResult =>
  refused(`${message} (${name} ${code})`)

// internal

const text = (text: string) => ({ type: "text" as const, text })

const open = ({ data, expires, kind, prompt, request, schema }: Run.Request): Open => ({
  request,
  kind,
  ...(prompt === undefined ? {} : { prompt }),
  // Safe: a JSON Schema is JSON.
  ...(schema === undefined ? {} : { schema: schema as Schema.Json }),
  ...(data === undefined ? {} : { data }),
  ...(expires === undefined ? {} : { expires })
})

/** The first task that failed says more than the run, which speaks of all of them. */
const failedOf = ({ error, status, tasks }: Run.Report): Failed | undefined => {
  if (error === undefined || status !== "failed") return undefined
  const named = Json.isObject(error.data) && Json.isArray(error.data["tasks"]) ? error.data["tasks"][0] : undefined
  const task = typeof named === "string" && Object.hasOwn(tasks, named) ? tasks[named] : undefined
  const { code, message, name } = task?.error ?? error
  return { ...(task === undefined ? {} : { task: task.path }), code, name, message }
}

const inWords = ({ error, interrupted, progress, run_id, status, waiting = [], workflow }: Shown): string => {
  const run = `run ${run_id} of "${workflow}"`
  switch (status) {
    case "completed":
      return `${run} is completed`
    case "cancelled":
      return `${run} was cancelled`
    case "failed": {
      if (error === undefined) return `${run} has failed`
      const where = error.task === undefined ? "" : ` in task "${error.task}"`
      return `${run} has failed${where}: ${error.message} (${error.name} ${error.code})`
    }
    case "waiting":
      return [
        `${run} waits for an answer; nothing has failed. Ask the user, then call \`respond\`:`,
        ...waiting.map((one) => asked(run_id, one))
      ].join("\n")
    default:
      if (interrupted === true) return `${run} was interrupted: nobody drives it; "gleitzeit resume ${run_id}" goes on`
      return `${run} is ${status} (${progress.completed} of ${progress.total} tasks); \`get_run\` tells more`
  }
}

const asked = (run_id: string, { kind, prompt, request, schema }: Open): string => {
  const call = JSON.stringify({ run_id, request, value: "…" })
  const expected = schema === undefined ? "" : `; the value must match ${JSON.stringify(schema)}`
  return `- ${kind}${prompt === undefined ? "" : `: ${prompt}`} → respond ${call}${expected}`
}
