/** What a request is like, as far as the choice of a server depends on it. */
export interface Wish {
  /** The full name of the model, lower case, with its tag: `llama3.2:latest`. */
  readonly model: string
  /** The name as the task spells it, for messages. Default `model`. */
  readonly asked?: string
  /** `num_ctx`, in tokens: a server loads a model again for another one. Default: the server's own. */
  readonly context?: number
  /** Tokens of the answer at most, when the task says so. */
  readonly output?: number
}
