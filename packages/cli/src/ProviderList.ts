/** Who is on duty and what each can do, as `gleitzeit providers` lists it: as a document, and as a table. */
import { type Contract, Errors, Failure, type Provider } from "@gleitzeit/core"
import { Cause, Effect, Result } from "effect"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

export interface Listed {
  readonly name: string
  readonly protocol: string
  /** Calls at once; null: as many as come. */
  readonly concurrency: number | null
  readonly capabilities: Provider.Capabilities
  readonly methods: ReadonlyArray<Pick<Contract.Contract, "method" | "description" | "effects">>
  /** Why it cannot say what it can do. */
  readonly error?: Failure.Failure
}

/** How long somebody may take to say what it can do. Milliseconds. */
const patience = 5000

/** Who cannot say what it can do, or does not in time, is listed with the reason; the others are listed as they are. */
export const of = (all: ReadonlyArray<Provider.Provider>): Effect.Effect<ReadonlyArray<Listed>> =>
  Effect.forEach(
    all,
    (provider) =>
      Effect.map(Effect.result(contractsOf(provider)), (contracts): Listed => {
        const { capabilities, concurrency, name, protocol } = provider
        const known = { name, protocol, concurrency: concurrency === Infinity ? null : concurrency, capabilities }
        return Result.isFailure(contracts)
          ? { ...known, methods: [], error: contracts.failure }
          : {
              ...known,
              methods: contracts.success.map(({ description, effects, method }) => ({ method, description, effects }))
            }
      }),
    { concurrency: "unbounded" }
  )

/** As people read it. */
export const table = (list: ReadonlyArray<Listed>, style: Style): ReadonlyArray<string> => {
  const rows = list.map(({ capabilities, concurrency, error, methods, name, protocol }) => [
    name,
    protocol,
    concurrency === null ? "any" : String(concurrency),
    capable(capabilities),
    error === undefined ? methods.map(({ method }) => method).join(", ") : Text.flat(error.message)
  ])
  const [head = "", ...lines] = Text.table([["PROVIDER", "PROTOCOL", "AT ONCE", "CAN", "METHODS"], ...rows])
  return [style.dim(head), ...lines.map((line, i) => (list[i]?.error === undefined ? line : style.red(line)))]
}

// internal

const contractsOf = (provider: Provider.Provider): Effect.Effect<ReadonlyArray<Contract.Contract>, Failure.Failure> =>
  Effect.timeoutOrElse(provider.contracts, {
    duration: patience,
    orElse: () =>
      Effect.fail(
        new Errors.ProviderTimeout({
          provider: provider.name,
          phase: "saying what it can do",
          seconds: patience / 1000
        })
      )
  }).pipe(
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) => Effect.fail(Failure.fromCause(cause))
    )
  )

const words: ReadonlyArray<readonly [keyof Provider.Capabilities, string]> = [
  ["streaming", "stream"],
  ["batch", "batch"],
  ["caching", "cache"],
  ["sandboxed", "sandbox"]
]

const capable = (capabilities: Provider.Capabilities): string =>
  words.flatMap(([capability, word]) => (capabilities[capability] ? [word] : [])).join(" ") || "-"
