/** Why nothing, or not everything, was made. */
import { Data } from "effect"

/** The command line cannot be used as it is. Exit code 2. */
export class Usage extends Data.TaggedError("Usage")<{ readonly message: string }> {}

/** It was understood and did not work out. Exit code 1. */
export class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}

export type Refusal = Usage | Failed
