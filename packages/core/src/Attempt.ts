/**
 * One attempt as an effect: what it gives its call, whether a result is there already (in the run that this one was
 * forked from, in the cache), whether the budgets have room, then the call.
 */
import { Clock, Effect, Result, type Schema } from "effect"
import type { Hold, Ledger } from "./Budget.ts"
import { BudgetExceeded, InvalidParams } from "./Errors.ts"
import type { Call, Executor, Host } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import type { Files } from "./Files.ts"
import { keyOf, type ResultCache } from "./ResultCache.ts"
import { contentHash, type Reuse } from "./Reuse.ts"
import type { Total, Usage } from "./Task.ts"
import { callOf, locate, pathsIn, resolve, type Taken, type TaskRun } from "./TaskRun.ts"

/** What is the same for all attempts of a run. */
export interface Surroundings {
  readonly run: string
  readonly folder: string
  /** What the cache holds is not looked at. */
  readonly fresh: boolean
  readonly executor: Executor["Service"]
  readonly files: Files["Service"]
  readonly cache: ResultCache
  readonly reuse: Reuse | undefined
  /** The run's budget, and the one of the task. */
  readonly ledgers: (run: TaskRun) => ReadonlyArray<Spending>
}

export interface Spending {
  readonly ledger: Ledger
  /** What calls that are over have used of it. */
  readonly used: () => Total
  /** Of the run: its task waits for more, and does not fail. */
  readonly waits: boolean
}

export const attempt = (around: Surroundings, run: TaskRun, host: Host): Effect.Effect<Taken, Failure> => {
  const { executor, reuse } = around
  const resolved = resolve(run)
  if (Result.isFailure(resolved)) return Effect.fail(resolved.failure)
  const params = resolved.success
  const { files, task } = run.planned
  const spendings = around.ledgers(run)
  if (files.length === 0 && reuse === undefined && task.cache === undefined && spendings.length === 0) {
    return executor.execute(callOf(around.run, run, params), host)
  }
  // what a secret says is known only where the call is made, too late to confine it
  const hidden = files.find(({ name }) => run.planned.params.secrets.some(([first]) => first === name))
  if (hidden !== undefined) {
    return Effect.fail(new InvalidParams({ method: task.method, issue: `the path "${hidden.name}" holds a secret` }))
  }
  return Effect.gen(function* () {
    const call = callOf(
      around.run,
      run,
      files.length === 0 ? params : yield* locate(around.files, around.folder, params, files)
    )
    const hashes = yield* hashesOf(around.files, call.params, run)
    const reused = run.again ? undefined : reuse?.take(contentHash(task.method, params, Object.values(hashes)))
    if (reused !== undefined) {
      return { result: reused.result, provider: reused.provider ?? "", reused: reused.path, files: hashes }
    }
    const meter: Meter = {
      uses: (usage) => run.uses(usage),
      soFar: () => run.usage,
      holds: (release) => (run.release = release)
    }
    const execute = spend(executor, call, spendings, run, meter, executor.execute(call, host))
    const taken = yield* task.cache === undefined ? execute : cached(around, run, call, Object.values(hashes), execute)
    return files.length === 0 ? taken : { ...taken, files: hashes }
  })
}

/** What one call uses, while it is under way. */
export interface Meter {
  readonly uses: (usage: Usage) => void
  readonly soFar: () => Total | undefined
  /** `release` is for when the call is over and what it has used is counted: what is held is then given back. */
  readonly holds: (release: () => void) => void
}

/** Holds back what the call may use until it is counted. Fails, and says so in `run`, when there is no room. */
export const spend = <A>(
  executor: Executor["Service"],
  call: Call,
  spendings: ReadonlyArray<Spending>,
  run: TaskRun,
  { holds, soFar, uses }: Meter,
  execute: Effect.Effect<A, Failure>
): Effect.Effect<A, Failure> =>
  spendings.length === 0
    ? execute
    : Effect.flatMap(executor.survey(call), ({ estimate }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<A, Failure> => {
          const held: Array<Ledger> = []
          const hold: Hold = { estimate, soFar }
          const release = () => held.forEach((ledger) => ledger.settle(hold))
          for (const { ledger, used, waits } of spendings) {
            const shortage = ledger.reserve(used(), hold, now)
            if (shortage === undefined) held.push(ledger)
            else {
              if (waits) run.shortage = shortage
              release()
              return Effect.fail(new BudgetExceeded(shortage))
            }
          }
          holds(release)
          const before = soFar()?.calls
          // a provider that makes several calls of one says how many
          const count = Effect.sync(() => soFar()?.calls === before && uses({ calls: 1 }))
          return Effect.ensuring(execute, count)
        })
      )

// internal

const hashesOf = (files: Files["Service"], params: Schema.Json, { planned }: TaskRun) =>
  Effect.map(
    Effect.forEach(pathsIn(params, planned), (path) => Effect.map(files.hash(path), (hash) => [path, hash] as const)),
    (hashes): Record<string, string> => Object.fromEntries(hashes)
  )

/** Without an identity of the provider nobody knows whether the same call would give the same result. */
const cached = (
  { cache, executor, fresh, run: id }: Surroundings,
  run: TaskRun,
  call: Call,
  files: ReadonlyArray<string>,
  execute: Effect.Effect<Taken, Failure>
): Effect.Effect<Taken, Failure> =>
  Effect.gen(function* () {
    const { cacheKey, task } = run.planned
    const { identity } = yield* executor.survey(call)
    if (identity === undefined) return yield* execute
    const custom = cacheKey?.resolve(run.scope)
    if (custom !== undefined && Result.isFailure(custom)) return yield* custom.failure
    return yield* cache.through({
      key: keyOf(task.method, custom === undefined ? call.params : [custom.success], identity, files),
      run: id,
      ...(task.cache?.ttl === undefined ? {} : { ttl: task.cache.ttl }),
      fresh: fresh || run.again,
      execute,
      unchanged: Effect.match(executor.survey(call), {
        onFailure: () => false,
        onSuccess: (survey) => survey.identity === identity
      })
    })
  })
