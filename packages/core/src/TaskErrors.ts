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
  secret: Schema.String
}) {
  override readonly name = "SECRET_MISSING"
  readonly code = -29011
  readonly retryable = false
  override get message() {
    return `secret "${this.secret}" has no value here: set the environment variable ${this.secret}, or name it under \`secrets\` in the configuration`
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
