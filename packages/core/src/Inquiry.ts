/** What providers say of calls before they are made, each asked once: who takes a call, how they are, what they know of it. */
import { Effect, Option, Result, type Schema } from "effect"
import type { Contract } from "./Contract.ts"
import type { Call, Executor, Survey } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import { canonical } from "./Hash.ts"
import type { PlannedTask } from "./Plan.ts"
import type { Health } from "./Provider.ts"
import type { Providers } from "./Providers.ts"
import type { TaskPath } from "./Task.ts"
import type { Task } from "./Workflow.ts"

export interface Duty {
  readonly provider: string | undefined
  readonly health: Health
  /** Why nobody takes it. */
  readonly failure?: Failure
}

/** Calls that are asked about; of more than these nothing is known but that they are made. */
export const maxSurveys = 500

export class Inquiry {
  readonly #providers: Providers["Service"]
  readonly #executor: Executor["Service"]
  readonly #contracts: ReadonlyMap<string, Contract>
  readonly #duties = new Map<string, Duty>()
  readonly #surveys = new Map<string, Result.Result<Survey, Failure> | undefined>()

  constructor(
    sources: { readonly providers: Providers["Service"]; readonly executor: Executor["Service"] },
    contracts: ReadonlyMap<string, Contract>
  ) {
    this.#providers = sources.providers
    this.#executor = sources.executor
    this.#contracts = contracts
  }

  /** `duty` of many tasks at once. */
  all(tasks: ReadonlyArray<Task>): Effect.Effect<void> {
    const different = new Map(tasks.map((task) => [keyOf(task), task]))
    return Effect.forEach(different.values(), (task) => this.duty(task), { concurrency: "unbounded", discard: true })
  }

  /** Who takes the calls of a task. */
  duty(task: Task): Effect.Effect<Duty> {
    return Effect.suspend(() => {
      const key = keyOf(task)
      const known = this.#duties.get(key)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.tap(this.#ask(task), (duty) => Effect.sync(() => this.#duties.set(key, duty)))
    })
  }

  /** What is known of a call; undefined when nobody says it in time, or too many were asked about. */
  survey(
    { params: template, priority, task: { method, provider } }: PlannedTask,
    params: Schema.Json,
    path: TaskPath
  ): Effect.Effect<Result.Result<Survey, Failure> | undefined> {
    return Effect.suspend(() => {
      const key = canonical([method, provider ?? null, params])
      if (this.#surveys.has(key) || this.#surveys.size >= maxSurveys) return Effect.succeed(this.#surveys.get(key))
      const call: Call = {
        run: "",
        task: path,
        attempt: 1,
        method,
        params,
        priority,
        idempotencyKey: "",
        ...(provider === undefined ? {} : { provider }),
        ...(template.secrets.length === 0 ? {} : { secrets: template.secrets })
      }
      return Effect.timeoutOption(Effect.result(this.#executor.survey(call)), patience).pipe(
        Effect.map(Option.getOrUndefined),
        Effect.tap((result) => Effect.sync(() => this.#surveys.set(key, result)))
      )
    })
  }

  // internal

  #ask({ method, params, provider: name }: Task): Effect.Effect<Duty> {
    const contract = this.#contracts.get(method)
    return Effect.matchEffect(this.#providers.choose(method, params, name), {
      onFailure: (failure) =>
        Effect.succeed<Duty>(
          contract === undefined || name !== undefined
            ? { provider: name, health: { status: "unhealthy" }, failure }
            : // on another machine
              { provider: contract.provider, health: { status: "healthy" } }
        ),
      onSuccess: ({ health, name: provider }) =>
        Effect.map(Effect.timeoutOption(health, patience), (health) => ({
          provider,
          health: Option.getOrElse(health, () => silent)
        }))
    })
  }
}

// internal

/** How long a provider may take to answer. Milliseconds. */
const patience = 5000

const silent: Health = {
  status: "unhealthy",
  details: { reason: `it does not say within ${patience / 1000} s how it is` }
}

const keyOf = ({ method, provider = "" }: Task): string => `${method} ${provider}`
