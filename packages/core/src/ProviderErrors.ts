/** What can go wrong between a call and the provider that serves it. −3000x and JSON-RPC's own. */
import { Schema } from "effect"

/** No provider on duty has the method. */
export class MethodNotFound extends Schema.TaggedError<MethodNotFound>()("MethodNotFound", {
  method: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override readonly name = "METHOD_NOT_FOUND"
  readonly code = -32601
  readonly retryable = false
  override get message() {
    return `no provider has the method "${this.method}" (on duty: ${this.known.join(", ") || "none"})`
  }
}

/** The caller's params do not match the method's schema. */
export class InvalidParams extends Schema.TaggedError<InvalidParams>()("InvalidParams", {
  method: Schema.String,
  issue: Schema.String
}) {
  override readonly name = "INVALID_PARAMS"
  readonly code = -32602
  readonly retryable = false
  override get message() {
    return `params of "${this.method}": ${this.issue}`
  }
}

/** The provider's answer does not match the method's schema: the provider is at fault. */
export class InvalidResult extends Schema.TaggedError<InvalidResult>()("InvalidResult", {
  method: Schema.String,
  issue: Schema.String
}) {
  override readonly name = "TASK_RESULT_INVALID"
  readonly code = -29007
  readonly retryable = false
  override get message() {
    return `result of "${this.method}": ${this.issue}`
  }
}

/** The task names a provider that is not on duty, or that does not have the method. */
export class ProviderNotFound extends Schema.TaggedError<ProviderNotFound>()("ProviderNotFound", {
  provider: Schema.String,
  method: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override readonly name = "PROVIDER_NOT_FOUND"
  readonly code = -30002
  readonly retryable = false
  override get message() {
    return `no provider "${this.provider}" has "${this.method}" (those that have it: ${this.known.join(", ") || "none"})`
  }
}

/** The provider cannot be reached, or lacks what it needs to work. */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  provider: Schema.String,
  reason: Schema.String,
  retryable: Schema.Boolean,
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {
  override readonly name = "PROVIDER_NOT_AVAILABLE"
  readonly code = -30003
  override get message() {
    return `provider "${this.provider}" is not available: ${this.reason}`
  }
}

/** The provider could not be set up as it was asked to. */
export class ProviderRefused extends Schema.TaggedError<ProviderRefused>()("ProviderRefused", {
  provider: Schema.String,
  reason: Schema.String
}) {
  override readonly name = "PROVIDER_INITIALIZATION_FAILED"
  readonly code = -30004
  readonly retryable = false
  override get message() {
    return `provider "${this.provider}" cannot be used: ${this.reason}`
  }
}

/** A phase of the provider's own (connecting, the first token) took too long. */
export class ProviderTimeout extends Schema.TaggedError<ProviderTimeout>()("ProviderTimeout", {
  provider: Schema.String,
  phase: Schema.String,
  seconds: Schema.Finite
}) {
  override readonly name = "PROVIDER_TIMEOUT"
  readonly code = -30006
  readonly retryable = true
  override get message() {
    return `provider "${this.provider}": ${this.phase} took more than ${this.seconds} s`
  }
}

/** The provider has too much to do. */
export class ProviderOverloaded extends Schema.TaggedError<ProviderOverloaded>()("ProviderOverloaded", {
  provider: Schema.String,
  reason: Schema.String,
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {
  override readonly name = "PROVIDER_OVERLOADED"
  readonly code = -30007
  readonly retryable = true
  override get message() {
    return `provider "${this.provider}" is overloaded: ${this.reason}`
  }
}

/** The provider answers, but does not have the model. */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", {
  provider: Schema.String,
  model: Schema.String,
  available: Schema.Array(Schema.String),
  /** What makes the model available, such as a command; empty when nothing is known. */
  remedy: Schema.String
}) {
  override readonly name = "MODEL_NOT_FOUND"
  readonly code = -30010
  readonly retryable = false
  override get message() {
    const remedy = this.remedy === "" ? "" : `; ${this.remedy}`
    const more = this.available.length - named
    const has = `${this.available.slice(0, named).join(", ") || "none"}${more > 0 ? ` and ${more} more` : ""}`
    return `provider "${this.provider}" does not have the model "${this.model}" (it has ${has})${remedy}`
  }
  get data() {
    return { model: this.model, available: [...this.available] }
  }
}

/** Models that a message names: the first are the nearest. */
const named = 20

/** A plug-in that the configuration names cannot be loaded, started or believed. The others go on working. */
export class PluginUnusable extends Schema.TaggedError<PluginUnusable>()("PluginUnusable", {
  /** Its name in the configuration; of a store its scheme. */
  plugin: Schema.String,
  /** The package or the path that stands under `use`. */
  use: Schema.String,
  /** What is the case, with the plug-in as its subject: `has no default export`. */
  reason: Schema.String,
  /** What would work; empty when nothing is known. */
  remedy: Schema.String
}) {
  override readonly name = "PLUGIN_UNUSABLE"
  readonly code = -30011
  readonly retryable = false
  override get message() {
    const where = this.use === this.plugin ? "" : ` (${this.use})`
    const remedy = this.remedy === "" ? "" : `; ${this.remedy}`
    return `plug-in "${this.plugin}"${where} cannot be used: ${this.reason}${remedy}`
  }
  get data() {
    return { plugin: this.plugin, use: this.use }
  }
}

/** A call is to be answered from a recording, and there is none of it. */
export class ReplayMiss extends Schema.TaggedError<ReplayMiss>()("ReplayMiss", {
  method: Schema.String,
  task: Schema.String,
  /** Where recordings lie. */
  folder: Schema.String,
  /** How often the call is recorded: it was made once more. */
  recorded: Schema.Int,
  /** The recording of the same method that has most in common with the call. */
  nearest: Schema.optionalKey(Schema.String),
  /** What it says, and what the call says; `undefined` stands for what is not there. Values are cut. */
  differences: Schema.Array(Schema.Struct({ path: Schema.String, recorded: Schema.String, called: Schema.String }))
}) {
  override readonly name = "REPLAY_MISS"
  readonly code = -30013
  readonly retryable = false
  override get message() {
    const { differences, folder, method, nearest, recorded, task } = this
    const remedy = "in the mode `auto` what is missing is recorded"
    const what = `${method} of the task "${task}"`
    if (recorded > 0) {
      const times = recorded === 1 ? "once" : `${recorded} times`
      return `${what} is recorded ${times} in ${folder}, and was called once more; ${remedy}`
    }
    if (nearest === undefined) return `there is no recording of ${method} in ${folder}; ${remedy}`
    const all = differences.map(({ called, path, recorded }) => `${path}: recorded ${recorded}, called ${called}`)
    return `there is no recording of ${what} in ${folder}; ${remedy}. The nearest is ${nearest}, which differs in\n${all.join("\n")}`
  }
  get data() {
    const { differences, folder, nearest, recorded } = this
    return {
      folder,
      recorded,
      ...(nearest === undefined ? {} : { nearest }),
      differences: differences.map((one) => ({ ...one }))
    }
  }
}
