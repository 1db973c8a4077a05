/**
 * A provider of an open protocol: what it can do is known at run time alone, from servers that may change their minds.
 * Params and results are checked by the JSON Schemas of its contracts, as those of a closed protocol are by its schemas.
 */
import { Cause, Effect, Schema, Stream } from "effect"
import type { Contract } from "./Contract.ts"
import { InvalidParams, InvalidResult, MethodNotFound, ProviderRefused } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import * as Json from "./Json.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import type { Provider } from "./Provider.ts"
import * as ProviderDefaults from "./ProviderDefaults.ts"
import type { TaskContext } from "./TaskContext.ts"

/** A contract as a server tells it: whose it is, and of which protocol, is filled in. */
export type Offer = Omit<Contract, "protocol" | "provider">

/** What an author writes. */
export interface Spec extends ProviderDefaults.Optional<string> {
  readonly name: string
  /** `mcp/v1` */
  readonly protocol: string
  /**
   * What it can do by now. Asked again after each of `changes` and when a method is called that is not known; give the
   * same list while nothing has changed: plans are kept by it.
   */
  readonly contracts: Effect.Effect<ReadonlyArray<Offer>, Failure>
  /** One element whenever `contracts` has become stale. Default: never. */
  readonly changes?: Stream.Stream<void>
  /** One attempt, of a method that it has, with params that its contract allows. Its result is checked. */
  readonly call: (method: string, params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>
}

/** Fills in what the author left out. `ProviderRefused` for a name or a protocol that is none. */
export const open = (spec: Spec): Effect.Effect<Provider, ProviderRefused> =>
  Effect.suspend(() => {
    const { call, changes = Stream.empty, name, protocol } = spec
    const refused = ProviderDefaults.refusal(name, spec)
    if (refused !== undefined) return Effect.fail(refused)
    if (!/^[^/]+\/v\d+$/.test(protocol)) {
      const reason = `"${protocol}" is no protocol: one has a name and a version, such as "mcp/v1"`
      return Effect.fail(new ProviderRefused({ provider: name, reason }))
    }
    let known: Known | undefined
    const ask = Effect.map(spec.contracts, (offers) => {
      if (known?.offers === offers) return known
      const contracts = offers.map((offer): Contract => withOwner(offer, protocol, name))
      return (known = { offers, contracts, byMethod: new Map(contracts.map((one) => [one.method, one])) })
    }).pipe(
      // who asks one asks all: a slip of one is its own failure
      Effect.catchDefect((defect) => Effect.fail(FailureData.fromCause(Cause.die(defect))))
    )
    const contractOf = (method: string): Effect.Effect<Contract, Failure> => {
      const found = known?.byMethod.get(method)
      if (found !== undefined) return Effect.succeed(found)
      return Effect.flatMap(ask, ({ byMethod }) => {
        const contract = byMethod.get(method)
        return contract === undefined
          ? Effect.fail(new MethodNotFound({ method, known: [...byMethod.keys()] }))
          : Effect.succeed(contract)
      })
    }
    return Effect.succeed<Provider>({
      ...ProviderDefaults.fill(spec),
      isChecked: true,
      name,
      protocol,
      contracts: Effect.map(ask, ({ contracts }) => contracts),
      changes: Stream.tap(changes, () => Effect.sync(() => (known = undefined))),
      call: (method, params) =>
        Effect.flatMap(contractOf(method), (contract): Effect.Effect<Schema.Json, Failure, TaskContext> => {
          const issue = issueOf(contract.params, params)
          if (issue !== undefined) return Effect.fail(new InvalidParams({ method, issue }))
          return Effect.flatMap(call(method, params), (result) => {
            const issue = isJson(result) && !Json.isDeep(result) ? issueOf(contract.result, result) : notWritable
            return issue === undefined ? Effect.succeed(result) : Effect.fail(new InvalidResult({ method, issue }))
          })
        })
    })
  })

// internal

interface Known {
  readonly offers: ReadonlyArray<Offer>
  readonly contracts: ReadonlyArray<Contract>
  readonly byMethod: ReadonlyMap<string, Contract>
}

const withOwner = (offer: Offer, protocol: string, provider: string): Contract => ({ ...offer, protocol, provider })

const isJson = Schema.is(Schema.Json)

const notWritable = `it is no JSON, or nested more than ${Json.maxDepth} deep`

const issueOf = (schema: Contract["params"], value: Schema.Json): string | undefined => {
  const issues = JsonSchemaCheck.check(schema, value).map((issue) => {
    const said = JsonSchemaCheck.inWords(issue)
    return issue.suggestion === undefined ? said : `${said}, did you mean "${issue.suggestion}"?`
  })
  return issues.length === 0 ? undefined : issues.join("; ")
}
