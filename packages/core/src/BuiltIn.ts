/** The providers that need nothing but the engine: `data/v1`, `timer/v1`, `human/v1` and `signal/v1`. */
import { Clock, Effect, Layer, Result, Schema } from "effect"
import type { Code } from "./Contract.ts"
import * as Condition from "./Condition.ts"
import { DataV1 } from "./DataV1.ts"
import { ConditionFailed, HumanRejected, InvalidParams, TaskExecutionFailed } from "./Errors.ts"
import * as Expiry from "./Expiry.ts"
import type { Failure } from "./Failure.ts"
import { Approval, approvalSchema, HumanV1 } from "./HumanV1.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as Provider from "./Provider.ts"
import type { Providers } from "./Providers.ts"
import { SignalV1 } from "./SignalV1.ts"
import { TaskContext } from "./TaskContext.ts"
import { TimerV1 } from "./TimerV1.ts"

const data = Provider.layer(
  DataV1,
  Effect.succeed({
    name: "data",
    handlers: {
      "data/value": (params) => Effect.succeed(params),
      "data/eval": ({ expr }) => Effect.map(Effect.fromResult(evaluate(expr)), (result) => ({ result }))
    }
  })
)

/** Milliseconds. To be suspended costs two commits and a second attempt: below this a slot costs less. */
const short = 100

const timer = Provider.layer(
  TimerV1,
  Effect.succeed({
    name: "timer",
    handlers: {
      "timer/sleep": Effect.fnUntraced(function* ({ seconds = 0, until }) {
        const now = yield* Clock.currentTimeMillis
        const end = until === undefined ? now + Math.round(seconds * 1000) : Date.parse(until)
        if (end - now <= short) {
          yield* Effect.sleep(Math.max(0, end - now))
          return { until: end }
        }
        const { suspend } = yield* TaskContext
        yield* Effect.catchIf(suspend("", { kind: "timer", expires: end }), Expiry.isExpired, () => Effect.void)
        // run again, `end` is counted from a later time than the one that was recorded
        return { until: until === undefined ? now : end }
      })
    }
  })
)

const human = Provider.layer(
  HumanV1,
  Effect.succeed({
    name: "human",
    handlers: {
      "human/input": Effect.fnUntraced(function* ({ default: offered, options, prompt, schema, ...expiry }) {
        const asked = {
          ...(schema ?? (options === undefined ? { type: "string" } : { enum: options })),
          ...(offered === undefined ? {} : { default: offered })
        }
        // a schema that cannot be used is found before anybody is asked
        const wrong = JsonSchemaCheck.check(asked, offered ?? null).find(
          ({ keyword }) => offered !== undefined || keyword === "schema"
        )
        if (wrong !== undefined) {
          const issue = wrong.keyword === "schema" ? `\`schema\`: ${wrong.message}` : `\`default\`: ${wrong.message}`
          return yield* new InvalidParams({ method: "human/input", issue })
        }
        const value = expiry.value === undefined ? (offered ?? null) : expiry.value
        return yield* Expiry.ask({ kind: "input", prompt, schema: asked }, { ...expiry, value })
      }),
      "human/approve": Effect.fnUntraced(function* ({ on_reject, prompt, value = false, ...expiry }) {
        const answer = yield* Expiry.ask({ kind: "approval", prompt, schema: approvalSchema }, { ...expiry, value })
        const given = readApproval(answer)
        if (Result.isFailure(given)) {
          const reason = `the answer is neither yes nor no: ${given.failure.message}`
          return yield* new TaskExecutionFailed({ reason, retryable: false })
        }
        const { approved, ...words } =
          typeof given.success === "object" ? given.success : { approved: isYes(given.success) }
        const { task } = yield* TaskContext
        if (!approved && on_reject === "fail") return yield* new HumanRejected({ request: task, ...words })
        return { approved, ...words, at: yield* Clock.currentTimeMillis }
      })
    }
  })
)

const signal = Provider.layer(
  SignalV1,
  Effect.succeed({
    name: "signal",
    handlers: {
      "signal/wait": ({ name, ...expiry }) =>
        Effect.map(Expiry.ask({ kind: "signal", data: { name } }, expiry), (value) => ({ name, value }))
    }
  })
)

export const layer: Layer.Layer<never, Failure, Providers> = Layer.mergeAll(data, timer, human, signal)

// internal

const readApproval = Schema.decodeUnknownResult(Approval)

const isYes = (answer: boolean | string): boolean => answer === true || ["yes", "y", "approve"].includes(String(answer))

/** References are bound under names of their own, each to the value it was resolved to: text never becomes source. */
const evaluate = (expr: string | Code): Result.Result<Schema.Json, ConditionFailed> => {
  const code: Code = typeof expr === "string" ? { source: expr, segments: [expr], values: {} } : expr
  const bound = new Map<string, { readonly raw: string; readonly value: Schema.Json | undefined }>()
  const parts = code.segments.map((segment) => {
    // what was written as `$${` is `${` here
    if (typeof segment === "string") return segment.replaceAll("${", () => "$${")
    const { raw, ref } = segment
    const name = `value${bound.size}`
    bound.set(name, { raw, value: Object.hasOwn(code.values, ref) ? code.values[ref] : undefined })
    return `\${${name}}`
  })
  const written = (issue: string) =>
    issue.replaceAll(/\$\{(\w+)\}|task "(\w+)"/g, (all, name, task) => bound.get(name ?? task)?.raw ?? all)
  const fail = (issue: string) => Result.fail(new ConditionFailed({ expression: shown(code.source), issue }))
  const condition = Condition.compile(parts.join(""), new Map([...bound.keys()].map((name) => [name, name])))
  const bare = bareName(condition)
  if (bare !== undefined) return fail(`"${bare}" has no value here: write it as a reference, in \`\${...}\``)
  const value = condition.evaluate({
    task: (name) => ({ status: "completed", result: bound.get(name)?.value, error: null }),
    root: () => undefined
  })
  return Result.isFailure(value) ? fail(written(value.failure.issue)) : value
}

/** What is spoken of and is no reference: only references are bound. */
const bareName = ({ problems, references }: Condition.Condition): string | undefined => {
  const spoken = references.find(({ reference }) => !reference.raw.startsWith("${"))
  if (spoken !== undefined) return spoken.reference.raw
  return /^(?:there is no task )?"(.*)"(?= is neither a task |$)/s.exec(problems[0]?.message ?? "")?.[1]
}

const shown = (source: string): string => (source.length > 200 ? `${source.slice(0, 199)}…` : source)
