/** What can go wrong with a store. −2600x. */
import { Schema } from "effect"

/** The store could not do it. `retryable`: it was busy, or out of reach for now. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.String,
  retryable: Schema.Boolean,
  cause: Schema.Defect(),
  /** What would help. */
  hint: Schema.optionalKey(Schema.String)
}) {
  override readonly name = "PERSISTENCE_FAILED"
  get code() {
    return this.operation === "open" ? -26001 : this.operation === "read" ? -26003 : -26002
  }
  override get message() {
    const cause = this.cause instanceof Error ? this.cause.message : JSON.stringify(this.cause)
    return `store: ${this.operation} failed: ${cause}${this.hint === undefined ? "" : ` (${this.hint})`}`
  }
}
