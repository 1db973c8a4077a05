/** What is measured: something that runs workflows of steps that count themselves. */

/**
 * `chain`: each step waits for the one before it. `fan`: one step, then `size` at once, then one that waits for all;
 * `foreach`: the same with one task for the `size` items.
 */
export type Shape = "chain" | "fan" | "foreach"

/** What a commit survives: `process` kill -9 (WAL, NORMAL), `power` also a power loss (FULL). */
export type Durability = "process" | "power"

/** One run: plan, steps, outputs. Fails unless the outputs are right. */
export type Go = () => Promise<void>

export interface Subject {
  /** Writes and checks a workflow; what comes back does the rest. A reader of files is inside. */
  readonly ready: (shape: Shape, size: number) => Promise<Go>
  /** Writes the workflow as an object, checks and runs it, all in one. */
  readonly whole: (shape: Shape, size: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface Options {
  readonly filename: string
  readonly durability: Durability
  /** The work of a step. */
  readonly hit: () => void
}

export const stepsOf = (shape: Shape, size: number): number => (shape === "chain" ? size : size + 2)
