/**
 * `agent/v1` on any provider of `llm/v1`. Each turn is a recorded call of `llm/chat`, each tool a recorded call of its
 * method: an attempt that is begun again, after a crash or with a person's answer, gets what was recorded and goes on
 * behind it. It asks no model itself, and knows of no other provider but by its contracts.
 */
import {
  AgentV1,
  Contract,
  Errors,
  Failure,
  HumanV1,
  Json,
  Provider,
  Providers,
  Task,
  TaskContext
} from "@gleitzeit/core"
import { Effect, type Layer, Result, Schema } from "effect"
import * as Choice from "./Choice.ts"
import * as Tools from "./Tools.ts"
import * as Words from "./Words.ts"

export interface Options {
  /** Default `agent`. */
  readonly name?: string
  /** Characters of a tool's result that are kept and that the model is told. Default 65,536. */
  readonly maxResult?: number
  /** Agents that may work inside each other, the outermost counted. Default 3. */
  readonly maxDepth?: number
}

export type Spec = Provider.Spec<(typeof AgentV1.AgentV1)["methods"]>

/** Its tools are methods of whoever is on duty when a task begins. */
export const make = (options: Options = {}): Effect.Effect<Spec, never, Providers.Providers> =>
  Effect.map(Providers.Providers, (providers) => {
    const { maxDepth = 3, maxResult = 65_536, name = "agent" } = options
    return {
      name,
      handlers: {
        "agent/run": (params) => run(params, { providers, maxDepth, maxResult }),
        "agent/tool": ({ max_result = maxResult, method, params }) =>
          Effect.flatMap(TaskContext.TaskContext, (task) =>
            // what it calls is counted, it is not
            Effect.andThen(task.usage({ calls: 0 }), kept(task.call("call", method, params), max_result))
          )
      },
      estimate: (method) => Effect.succeed(method === Tools.tool ? { calls: 0 } : {}),
      health: Effect.flatMap(providers.choose("llm/chat", {}), wellWith)
    }
  })

/** An agent on duty. */
export const layer = (options: Options = {}): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Provider.layer(AgentV1.AgentV1, make(options))

// internal

interface House {
  readonly providers: Providers.Providers["Service"]
  readonly maxDepth: number
  readonly maxResult: number
}

/** Nobody's agent is better than its model. */
const wellWith = ({ health, name }: Provider.Provider): Effect.Effect<Provider.Health> =>
  Effect.map(health, ({ details, status }) => {
    if (status !== "unhealthy") return { status }
    const { message, reason = message } = Json.isObject(details) ? details : {}
    const why = typeof reason === "string" ? `: ${reason}` : ""
    return { status, details: { reason: `its model is provider "${name}", which cannot work${why}` } }
  })

type Call = AgentV1.RunResult["calls"][number]

const run = Effect.fnUntraced(function* (
  params: AgentV1.RunParams,
  house: House
): Effect.fn.Return<AgentV1.RunResult, Failure.Failure, TaskContext.TaskContext> {
  const { max_calls = 25, max_turns = 10, messages = [], on_error = "tell", prompt, schema } = params
  const task = yield* TaskContext.TaskContext
  const tools = yield* offered(params, house)
  const system = Words.system(params.system, tools, { cut: house.maxResult })
  const said: Array<Json.JsonObject> = [...messages, ...(prompt === undefined ? [] : [user(prompt)])]
  const calls: Array<Call> = []
  let usage: Task.Usage = {}
  let simulated = false
  let bound: AgentV1.RunResult["stopped"] = "answer"

  for (let turn = 1; turn <= max_turns; turn++) {
    if (bound === "answer" && tools.length > 0) {
      if (calls.length >= max_calls) bound = "max_calls"
      else if (turn === max_turns) bound = "max_turns"
      if (bound !== "answer") said.push(user(Words.exhausted))
    }
    const open = bound === "answer" ? tools : []
    yield* task.emit({ _tag: "Progress", message: `turn ${turn} of at most ${max_turns}` })
    const reply = yield* chat(turn, {
      ...Object.fromEntries(passed.flatMap((key) => (params[key] === undefined ? [] : [[key, params[key]]]))),
      system,
      messages: [...said],
      schema: Choice.schema(open, schema)
    })
    usage = Task.addUsage(usage, used(reply)) ?? usage
    simulated ||= reply.simulated === true
    said.push({ role: "assistant", content: reply.content })
    const read = Choice.read(Json.isObject(reply.result) ? reply.result : reply.content, open, schema)
    if (Result.isFailure(read)) {
      const issue = reply.finish_reason === "length" ? `${read.failure} (it was cut: it became too long)` : read.failure
      yield* task.emit({ _tag: "Log", level: "warning", message: `turn ${turn}: ${issue}` })
      said.push(user(Words.invalid(issue)))
      continue
    }
    const choice = read.success
    if (choice._tag === "Answer") {
      const { answer } = choice
      const content = typeof answer === "string" ? answer : JSON.stringify(answer)
      return { answer, content, result: answer, turns: turn, calls, stopped: bound, usage, ...marked(simulated) }
    }
    const { method } = choice.tool
    const given =
      method === Tools.agent ? Tools.narrowed(choice.params, tools, { max_turns, max_calls }) : choice.params
    const outcome = yield* carryOut({ turn, n: calls.length + 1 }, choice.tool, given, on_error, house)
    calls.push({ method, params: given, ...outcome })
    said.push(user(Words.outcome(calls.length, method, outcome)))
  }
  const stopped = bound === "answer" ? "max_turns" : bound
  return { answer: null, content: "", result: null, turns: max_turns, calls, stopped, usage, ...marked(simulated) }
})

/** Params that the model's provider gets as they are. */
const passed = ["model", "temperature", "max_tokens", "provider_options"] as const

const user = (content: string): Json.JsonObject => ({ role: "user", content })

const marked = (simulated: boolean) => (simulated ? { simulated: true as const } : {})

/** Contracts of everybody who can tell his; one who cannot is missed only by whoever names a method of his. */
const contracts = ({ providers }: House): Effect.Effect<ReadonlyArray<Contract.Contract>> =>
  Effect.flatMap(providers.all, (all) =>
    Effect.map(
      Effect.forEach(all, (provider) => Effect.orElseSucceed(provider.contracts, () => []), {
        concurrency: "unbounded"
      }),
      (found) => found.flat()
    )
  )

const offered = Effect.fnUntraced(function* (
  params: AgentV1.RunParams,
  house: House
): Effect.fn.Return<ReadonlyArray<Tools.Tool>, Failure.Failure, TaskContext.TaskContext> {
  const task = yield* TaskContext.TaskContext
  const depth = depthOf(task.task)
  if (depth > house.maxDepth) {
    const reason = `agents work inside each other ${depth} deep, ${house.maxDepth} are allowed`
    return yield* new Errors.TaskExecutionFailed({ reason, retryable: false })
  }
  const { tools = [] } = params
  if (tools.length === 0 && params.approve === undefined) return []
  let selected = Tools.select(yield* contracts(house), params)
  if (Result.isFailure(selected)) {
    // who is registered elsewhere is looked for when somebody asks for what nobody has
    yield* Effect.forEach(tools, (method) => Effect.ignore(house.providers.choose(method, {})), { discard: true })
    selected = Tools.select(yield* contracts(house), params)
  }
  if (Result.isFailure(selected)) {
    return yield* new Errors.InvalidParams({ method: Tools.agent, issue: selected.failure })
  }
  const { left, tools: found } = selected.success
  if (left.length > 0) {
    yield* task.emit({ _tag: "Log", level: "warning", message: `no tools: ${left.join("; ")}` })
  }
  return depth < house.maxDepth ? found : found.filter(({ method }) => method !== Tools.agent)
})

/** The outermost is 1. Whatever a tool of an agent does, it does below the agent. */
const depthOf = (task: Task.TaskPath): number => 1 + (task.match(/\/tool-\d+-/g) ?? []).length

/** What is read of an answer: other fields are the provider's affair. */
const Reply = Schema.Struct({
  content: Schema.String,
  result: Schema.optionalKey(Schema.Json),
  finish_reason: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(
    Schema.Struct({
      input_tokens: Schema.optionalKey(Schema.Finite),
      output_tokens: Schema.optionalKey(Schema.Finite)
    })
  ),
  cost: Schema.optionalKey(Schema.Struct({ usd: Schema.Finite })),
  simulated: Schema.optionalKey(Schema.Boolean)
})

const decodeReply = Schema.decodeUnknownResult(Reply)

const chat = (
  turn: number,
  params: Json.JsonObject
): Effect.Effect<typeof Reply.Type, Failure.Failure, TaskContext.TaskContext> =>
  Effect.flatMap(TaskContext.TaskContext, ({ call }) =>
    Effect.flatMap(call(`turn-${turn}`, "llm/chat", params), (reply) =>
      Effect.mapError(
        Effect.fromResult(decodeReply(reply)),
        ({ message }) => new Errors.InvalidResult({ method: "llm/chat", issue: message.replaceAll(/\n\s*/g, " ") })
      )
    )
  )

const used = ({ cost, usage }: typeof Reply.Type): Task.Usage => ({
  calls: 1,
  ...usage,
  ...(cost === undefined ? {} : { cost_usd: cost.usd })
})

const isOutcome = Schema.is(AgentV1.Outcome)

/**
 * A call by the turn that wanted it, which is recorded, and by its number among the calls, which is for people: when an
 * attempt begins again with other tools on duty, the same turn may want another call, and the numbers move.
 */
interface Place {
  readonly turn: number
  readonly n: number
}

const carryOut = Effect.fnUntraced(function* (
  place: Place,
  tool: Tools.Tool,
  params: Json.JsonObject,
  onError: "tell" | "fail",
  house: House
): Effect.fn.Return<AgentV1.Outcome, Failure.Failure, TaskContext.TaskContext> {
  const task = yield* TaskContext.TaskContext
  const { asks, method } = tool
  const { n, turn } = place
  if (asks) {
    const refusal = yield* refused(turn, method, params)
    if (refusal !== undefined) {
      yield* task.emit({ _tag: "Log", level: "info", message: `call ${n}: ${method} was refused` })
      return { error: refusal }
    }
  }
  yield* task.emit({ _tag: "Log", level: "info", message: Words.call(n, method, params) })
  const key = `tool-${turn}-${method}`
  // a call that fails is not recorded: what the model is told about is a result
  const outcome =
    onError === "fail"
      ? cutTo(yield* task.call(key, method, params), house.maxResult)
      : yield* task.call(key, Tools.tool, { method, params, max_result: house.maxResult })
  if (!isOutcome(outcome)) {
    return yield* new Errors.InvalidResult({ method: Tools.tool, issue: "it is no outcome of a tool" })
  }
  if (outcome.error !== undefined) {
    yield* task.emit({
      _tag: "Log",
      level: "warning",
      message: `call ${n}: ${method} failed: ${outcome.error.message}`
    })
  }
  return outcome
})

const decodeApproval = Schema.decodeUnknownResult(HumanV1.Approval)

/** Asks, and says what the model is told when it was a no. */
const refused = Effect.fnUntraced(function* (
  turn: number,
  method: string,
  params: Json.JsonObject
): Effect.fn.Return<Failure.Failure | undefined, Failure.Failure, TaskContext.TaskContext> {
  const { suspend, task } = yield* TaskContext.TaskContext
  const answer = yield* suspend(`approve-${turn}`, {
    kind: "approval",
    prompt: Words.question(method, params),
    schema: HumanV1.approvalSchema,
    data: { method, params }
  })
  const decoded = decodeApproval(answer)
  if (Result.isFailure(decoded)) {
    const reason = `the answer is neither yes nor no: ${decoded.failure.message}`
    return yield* new Errors.TaskExecutionFailed({ reason, retryable: false })
  }
  const { approved, ...words } =
    typeof decoded.success === "object"
      ? decoded.success
      : { approved: decoded.success === true || ["yes", "y", "approve"].includes(String(decoded.success)) }
  return approved
    ? undefined
    : Failure.of(new Errors.HumanRejected({ request: Task.callPath(task, `approve-${turn}`), ...words }))
})

const kept = (
  call: Effect.Effect<Schema.Json, Failure.Failure>,
  most: number
): Effect.Effect<AgentV1.Outcome, Failure.Failure> =>
  Effect.match(call, {
    onFailure: (failure) => ({ error: Failure.of(failure) }),
    onSuccess: (result) => cutTo(result, most)
  })

const cutTo = (result: Schema.Json, most: number): AgentV1.Outcome => {
  const text = typeof result === "string" ? result : JSON.stringify(result)
  return text.length <= most ? { result } : { result: text.slice(0, most).toWellFormed(), cut: text.length }
}
