/** What can go wrong with a task. −2900x. */
import { Schema } from "effect"

/** The method ran and said no: the code raised, the model refused. The provider is well. */
export class TaskExecutionFailed extends Schema.TaggedError<TaskExecutionFailed>()("TaskExecutionFailed", {
  reason: Schema.String,
  retryable: Schema.Boolean,
  data: Schema.optionalKey(Schema.Json)
}) {
  override readonly name = "TASK_EXECUTION_FAILED"
  readonly code = -29002
  override get message() {
    return this.reason
  }
}

/** One attempt took longer than the task's `timeout`. */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>()("TaskTimeout", {
  task: Schema.String,
  milliseconds: Schema.Finite
}) {
  override readonly name = "TASK_TIMEOUT"
  readonly code = -29003
  readonly retryable = true
  override get message() {
    return `task "${this.task}" took longer than ${this.milliseconds / 1000} s`
  }
}

/** The run was cancelled, or failed fast, while the task was under way. */
export class TaskCancelled extends Schema.TaggedError<TaskCancelled>()("TaskCancelled", {
  task: Schema.String
}) {
  override readonly name = "TASK_CANCELLED"
  readonly code = -29004
  readonly retryable = false
  override get message() {
    return `task "${this.task}" was cancelled`
  }
}

/** A `${...}` that names nothing. `known`: what exists at the place where the path ends. */
export class UnresolvedReference extends Schema.TaggedError<UnresolvedReference>()("UnresolvedReference", {
  reference: Schema.String,
  issue: Schema.String
}) {
  override readonly name = "TASK_PARAMETER_ERROR"
  readonly code = -29006
  readonly retryable = false
  override get message() {
    return `\${${this.reference}}: ${this.issue}`
  }
}

/** A condition, or another CEL expression, that could not be evaluated or gave the wrong type. */
export class ConditionFailed extends Schema.TaggedError<ConditionFailed>()("ConditionFailed", {
  expression: Schema.String,
  issue: Schema.String
}) {
  override readonly name = "TASK_CONDITION_FAILED"
  readonly code = -29010
  readonly retryable = false
  override get message() {
    return `${this.expression}: ${this.issue}`
  }
}

/** A declared secret has no value in the process that makes the call. */
export class SecretMissing extends Schema.TaggedError<SecretMissing>()("SecretMissing", {
  secret: Schema.String,
  /** Where the configuration says that it is, and why it is not there. */
  issue: Schema.optionalKey(Schema.String)
}) {
  override readonly name = "SECRET_MISSING"
  readonly code = -29011
  readonly retryable = false
  override get message() {
    return `secret "${this.secret}" has no value here: ${
      this.issue ?? `set the environment variable ${this.secret}, or name it under \`secrets\` in the configuration`
    }`
  }
}

/** A result is larger than its provider allows. Sizes in bytes. */
export class ResultTooLarge extends Schema.TaggedError<ResultTooLarge>()("ResultTooLarge", {
  size: Schema.Int,
  limit: Schema.Int
}) {
  override readonly name = "RESULT_TOO_LARGE"
  readonly code = -29012
  readonly retryable = false
  override get message() {
    return `the result has ${this.size} bytes, more than the ${this.limit} allowed`
  }
}

/** Items of a `foreach` task failed. */
export class ItemsFailed extends Schema.TaggedError<ItemsFailed>()("ItemsFailed", {
  task: Schema.String,
  total: Schema.Int,
  items: Schema.Array(Schema.Struct({ index: Schema.Int, message: Schema.String }))
}) {
  override readonly name = "ITEMS_FAILED"
  readonly code = -29013
  readonly retryable = false
  override get message() {
    const [first] = this.items
    return `${this.items.length} of ${this.total} items of "${this.task}" failed${first === undefined ? "" : `, first [${first.index}]: ${first.message}`}`
  }
  get data() {
    return { items: this.items.map(({ index, message }) => ({ index, message })) }
  }
}

/** A task marked `once` was under way when its process died: whether it took effect is unknown. */
export class TaskInterrupted extends Schema.TaggedError<TaskInterrupted>()("TaskInterrupted", {
  task: Schema.String
}) {
  override readonly name = "INTERRUPTED"
  readonly code = -29014
  readonly retryable = false
  override get message() {
    return `task "${this.task}" was under way when its process ended; it is marked \`once\` and not run again by itself`
  }
}

/** The run's workflow has no such task. */
export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {
  run: Schema.String,
  task: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override readonly name = "TASK_NOT_FOUND"
  readonly code = -29009
  readonly retryable = false
  override get message() {
    return `run ${this.run} has no task "${this.task}" (it has: ${this.known.slice(0, 20).join(", ")})`
  }
}

/** Nobody answered a question in time. */
export class QuestionExpired extends Schema.TaggedError<QuestionExpired>()("QuestionExpired", {
  request: Schema.String
}) {
  override readonly name = "QUESTION_EXPIRED"
  readonly code = -29015
  readonly retryable = false
  override get message() {
    return `nobody answered "${this.request}" in time`
  }
}

/** A `repeat` came to its last iteration, and its `until` does not hold. */
export class RepeatExhausted extends Schema.TaggedError<RepeatExhausted>()("RepeatExhausted", {
  task: Schema.String,
  until: Schema.String,
  iterations: Schema.Int
}) {
  override readonly name = "REPEAT_EXHAUSTED"
  readonly code = -29016
  readonly retryable = false
  override get message() {
    return `"${this.task}" ran ${this.iterations} times and \`${this.until}\` does not hold; raise \`max\`, or set \`on_max: continue\` to go on with the last result`
  }
}

/** The attempt has ended until a question is answered: no failure, but the way out of a handler. */
export class TaskSuspended extends Schema.TaggedError<TaskSuspended>()("TaskSuspended", {
  request: Schema.String
}) {
  override readonly name = "TASK_SUSPENDED"
  readonly code = -29017
  readonly retryable = false
  override get message() {
    return `waiting for an answer to "${this.request}"`
  }
}

/** The budget has no room for the call. */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  limit: Schema.String,
  used: Schema.Finite,
  of: Schema.Finite
}) {
  override readonly name = "BUDGET_EXCEEDED"
  readonly code = -29018
  readonly retryable = false
  override get message() {
    return `the budget of ${this.of} ${this.limit} has no room for the call (${this.used} used)`
  }
}

/** The handler asked for what this version of the engine cannot do. */
export class NotSupported extends Schema.TaggedError<NotSupported>()("NotSupported", {
  feature: Schema.String
}) {
  override readonly name = "METHOD_NOT_SUPPORTED"
  readonly code = -30008
  readonly retryable = false
  override get message() {
    return `${this.feature} is not supported`
  }
}

/** Somebody said no to a `human/approve` with `on_reject: fail`. `by` and `comment`: as they said. */
export class HumanRejected extends Schema.TaggedError<HumanRejected>()("HumanRejected", {
  request: Schema.String,
  by: Schema.optionalKey(Schema.String),
  comment: Schema.optionalKey(Schema.String)
}) {
  override readonly name = "APPROVAL_REJECTED"
  readonly code = -29019
  readonly retryable = false
  override get message() {
    const by = this.by === undefined ? "" : ` by ${this.by}`
    return `"${this.request}" was rejected${by}${this.comment === undefined ? "" : `: ${this.comment}`}`
  }
  get data() {
    const { by, comment } = this
    return { ...(by === undefined ? {} : { by }), ...(comment === undefined ? {} : { comment }) }
  }
}

/** A model was asked for JSON, and what it said is none, or the schema does not accept it, also after it was told so. */
export class OutputInvalid extends Schema.TaggedError<OutputInvalid>()("OutputInvalid", {
  method: Schema.String,
  issue: Schema.String,
  /** The beginning of what the model said last. */
  raw: Schema.String,
  /** How often it was asked. */
  attempts: Schema.Int
}) {
  override readonly name = "MODEL_OUTPUT_INVALID"
  readonly code = -29020
  readonly retryable = true
  override get message() {
    const times = this.attempts === 1 ? "" : ` (asked ${this.attempts} times)`
    return `answer to "${this.method}": ${this.issue}${times}`
  }
  get data() {
    return { raw: this.raw, attempts: this.attempts }
  }
}

/** A model was asked for JSON, and came to a limit before it was complete. */
export class OutputCutOff extends Schema.TaggedError<OutputCutOff>()("OutputCutOff", {
  method: Schema.String,
  /** Which limit, with its value where it is known. */
  limit: Schema.String,
  /** The beginning of what the model said. */
  raw: Schema.String
}) {
  override readonly name = "MODEL_OUTPUT_CUT_OFF"
  readonly code = -29021
  readonly retryable = false
  override get message() {
    return `answer to "${this.method}": it reached ${this.limit} before its JSON was complete`
  }
  get data() {
    return { limit: this.limit, raw: this.raw }
  }
}
