/** What can go wrong with a workflow file or a run. −2800x. */
import { Schema } from "effect"
import { Diagnostic, format } from "./Diagnostic.ts"

/** The file has mistakes. All of them. */
export class InvalidWorkflow extends Schema.TaggedError<InvalidWorkflow>()("InvalidWorkflow", {
  diagnostics: Schema.Array(Diagnostic)
}) {
  override readonly name = "WORKFLOW_VALIDATION_FAILED"
  readonly code = -28001
  readonly retryable = false
  override get message() {
    return this.diagnostics.map(format).join("\n")
  }
}

/** Inputs that a run was given do not match those the workflow declares. */
export class InvalidInputs extends Schema.TaggedError<InvalidInputs>()("InvalidInputs", {
  workflow: Schema.String,
  issues: Schema.Array(Schema.String)
}) {
  override readonly name = "INVALID_INPUTS"
  readonly code = -28010
  readonly retryable = false
  override get message() {
    return `inputs of "${this.workflow}": ${this.issues.join("; ")}`
  }
}

/** The store has no run of this id. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { run: Schema.String }) {
  override readonly name = "WORKFLOW_NOT_FOUND"
  readonly code = -28002
  readonly retryable = false
  override get message() {
    return `no run "${this.run}" in this store`
  }
}

/** The run took longer than its `timeout`. */
export class WorkflowTimeout extends Schema.TaggedError<WorkflowTimeout>()("WorkflowTimeout", {
  milliseconds: Schema.Finite
}) {
  override readonly name = "WORKFLOW_TIMEOUT"
  readonly code = -28004
  readonly retryable = false
  override get message() {
    return `the run took longer than ${this.milliseconds / 1000} s`
  }
}

/** The run is over: what was asked for can no longer change it. */
export class RunFinished extends Schema.TaggedError<RunFinished>()("RunFinished", {
  run: Schema.String,
  status: Schema.String
}) {
  override readonly name = "WORKFLOW_INVALID_STATE"
  readonly code = -28007
  readonly retryable = false
  override get message() {
    return `run ${this.run} is ${this.status}`
  }
}

/** Somebody else drives the run: this process has stopped driving it, and changed nothing. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", {
  run: Schema.String,
  heldBy: Schema.String
}) {
  override readonly name = "LEASE_LOST"
  readonly code = -28008
  readonly retryable = false
  override get message() {
    return `run ${this.run} is driven by ${this.heldBy}`
  }
}

/** The journal has an event of a kind or version that this program does not know. */
export class WrittenByNewer extends Schema.TaggedError<WrittenByNewer>()("WrittenByNewer", {
  run: Schema.String,
  kind: Schema.String
}) {
  override readonly name = "WRITTEN_BY_NEWER"
  readonly code = -28009
  readonly retryable = false
  override get message() {
    return `run ${this.run} has an event "${this.kind}" that this version of Gleitzeit does not know: use the version that wrote it, or a newer one`
  }
}

/** The run waits for no answer under this name. `open`: what it waits for. */
export class RequestNotFound extends Schema.TaggedError<RequestNotFound>()("RequestNotFound", {
  run: Schema.String,
  request: Schema.String,
  open: Schema.Array(Schema.String)
}) {
  override readonly name = "REQUEST_NOT_FOUND"
  readonly code = -28011
  readonly retryable = false
  override get message() {
    return `run ${this.run} does not wait for "${this.request}" (it waits for: ${this.open.join(", ") || "nothing"})`
  }
}

/** Somebody else was first. */
export class AlreadyAnswered extends Schema.TaggedError<AlreadyAnswered>()("AlreadyAnswered", {
  run: Schema.String,
  request: Schema.String
}) {
  override readonly name = "ALREADY_ANSWERED"
  readonly code = -28012
  readonly retryable = false
  override get message() {
    return `"${this.request}" of run ${this.run} has been answered`
  }
}

/** An answer that the question does not allow. */
export class InvalidAnswer extends Schema.TaggedError<InvalidAnswer>()("InvalidAnswer", {
  request: Schema.String,
  issues: Schema.Array(Schema.String)
}) {
  override readonly name = "INVALID_ANSWER"
  readonly code = -28013
  readonly retryable = false
  override get message() {
    return `the answer to "${this.request}": ${this.issues.join("; ")}`
  }
}

/** The run stands where this cannot be done. `expected`: what it would have to be. */
export class InvalidState extends Schema.TaggedError<InvalidState>()("InvalidState", {
  run: Schema.String,
  status: Schema.String,
  expected: Schema.String
}) {
  override readonly name = "WORKFLOW_INVALID_STATE"
  readonly code = -28007
  readonly retryable = false
  override get message() {
    return `run ${this.run} is ${this.status}, expected ${this.expected}`
  }
}
