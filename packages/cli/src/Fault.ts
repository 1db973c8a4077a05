/** Errors as they are told at the end: for people on standard error, with `--json` as one document on standard output. */
import { Diagnostic, Errors, type Failure } from "@gleitzeit/core"
import { Cause, Effect } from "effect"
import * as ExitCode from "./ExitCode.ts"
import type { Output } from "./Output.ts"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"
import { explain } from "./View.ts"

/** An error as `--json` prints it. */
export interface ErrorDocument {
  readonly error: {
    readonly code: number
    readonly name: string
    readonly message: string
    readonly data?: unknown
  }
}

export const document = (error: Failure.Failure): ErrorDocument => {
  const data = error instanceof Errors.InvalidWorkflow ? { diagnostics: error.diagnostics } : error.data
  return {
    error: {
      code: error.code,
      name: error.name,
      message: error.message,
      ...(data === undefined ? {} : { data })
    }
  }
}

/** Tells an end that has not been told yet, and gives the process's exit code. */
export const tell = (cause: Cause.Cause<unknown>, output: Output["Service"]): Effect.Effect<number> =>
  Effect.gen(function* () {
    const found = cause.reasons.find(Cause.isFailReason)?.error
    if (found instanceof ExitCode.Ended) return found.exit
    const { json, debug } = output.options
    const failure =
      found instanceof Errors.LeaseLost ? inOtherHands(found) : isFailure(found) ? found : unexpected(cause)
    if (json) yield* output.json(document(failure))
    else if (found instanceof Errors.InvalidWorkflow) yield* output.note(diagnostics(found.diagnostics, output))
    else yield* output.note(text(failure, output.style))
    if (debug) yield* output.note(output.style.dim(Text.clean(Cause.pretty(cause))))
    return ExitCode.ofCode(failure.code)
  })

/** As people read it. */
export const text = (failure: Failure.Failure, { red }: Style): string => {
  const [first = "", ...rest] = explain(failure)
  return [`${red("error:")} ${first}`, ...rest.map((line) => `  ${line}`)].join("\n")
}

/** One a line, and how many there are. */
export const diagnostics = (all: ReadonlyArray<Diagnostic.Diagnostic>, { style }: Output["Service"]): string => {
  const errors = all.filter(({ severity }) => severity === "error").length
  const warnings = all.length - errors
  const totals = [
    ...(errors > 0 ? [style.red(Text.count(errors, "error"))] : []),
    ...(warnings > 0 ? [style.yellow(Text.count(warnings, "warning"))] : [])
  ]
  return [...all.map((one) => Text.clean(Diagnostic.format(one))), totals.join(", ")].join("\n")
}

// internal

/** The id of an owner says nothing to people. */
const inOtherHands = ({ code, heldBy, name, retryable, run }: Errors.LeaseLost): Failure.Failure => ({
  code,
  name,
  message: `another process drives run ${run}: gleitzeit watch ${run} follows it, gleitzeit cancel ${run} stops it`,
  retryable,
  data: { run, heldBy }
})

const isFailure = (error: unknown): error is Failure.Failure =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  typeof error.code === "number" &&
  "name" in error &&
  "message" in error &&
  typeof error.message === "string"

const unexpected = (cause: Cause.Cause<unknown>): Failure.Failure => {
  const defect = Cause.squash(cause)
  return {
    code: -32603,
    name: "INTERNAL_ERROR",
    message: `unexpected ${defect instanceof Error ? `${defect.name}: ${defect.message}` : String(defect)}; --debug shows where it comes from`,
    retryable: false
  }
}
