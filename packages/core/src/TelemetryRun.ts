/** A run while this process drives it, and the attempts of its tasks, as spans and in numbers. */
import { Effect, Exit, Option, Tracer } from "effect"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Plan } from "./Plan.ts"
import type { Outcome as RunOutcome } from "./Run.ts"
import type { RunState } from "./RunState.ts"
import type { End, Observer } from "./Telemetry.ts"
import * as Metrics from "./TelemetryMetrics.ts"
import type { Outcome, TaskRun } from "./TaskRun.ts"

export class RunTrace {
  readonly #observer: Observer
  readonly #span: Tracer.Span | undefined
  readonly #workflow: string
  readonly #run: string
  readonly #began: bigint
  #isOver = false

  constructor(
    observer: Observer,
    { workflow: { name } }: Plan,
    { forked, owner, run }: RunState,
    parent: Tracer.AnySpan | undefined
  ) {
    this.#observer = observer
    this.#run = run
    this.#workflow = name
    this.#began = observer.now()
    this.#span = observer.begin(
      `run ${name}`,
      parent === undefined ? observer.parent : Option.some(parent),
      "internal",
      {
        "gleitzeit.run.id": run,
        "gleitzeit.workflow.name": name,
        ...(owner === undefined ? {} : { "gleitzeit.run.resumed": true }),
        ...(forked === undefined ? {} : { "gleitzeit.run.forked_from": forked.run })
      }
    )
  }

  /** An attempt that begins. */
  attempt(run: TaskRun): AttemptTrace {
    return new AttemptTrace(this.#observer, this.#span, this.#run, this.#workflow, run)
  }

  /** It rests here: over or waiting, left to be resumed (`undefined`), or it could not go on. */
  end(exit: Exit.Exit<RunOutcome, Failure> | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    const observer = this.#observer
    const outcome = exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
    const failure = exit === undefined || Exit.isSuccess(exit) ? outcome?.error : FailureData.fromCause(exit.cause)
    const status = outcome?.status ?? (exit === undefined ? "interrupted" : "lost")
    const { calls, cost_usd, input_tokens, output_tokens } = outcome?.usage ?? {}
    observer.add(this.#span, {
      "gleitzeit.run.status": status,
      "gleitzeit.usage.calls": calls,
      "gleitzeit.usage.input_tokens": input_tokens,
      "gleitzeit.usage.output_tokens": output_tokens,
      "gleitzeit.usage.cost_usd": cost_usd
    })
    const end: End = failure ?? (status === "cancelled" || status === "interrupted" ? "stopped" : "well")
    observer.record(Metrics.runDuration, observer.since(this.#began), {
      "gleitzeit.workflow.name": this.#workflow,
      "gleitzeit.run.status": status,
      "error.type": failure?.name
    })
    observer.end(this.#span, end)
  }
}

export class AttemptTrace {
  readonly #observer: Observer
  readonly #span: Tracer.Span | undefined
  readonly #workflow: string
  readonly #method: string
  readonly #began: bigint

  constructor(
    observer: Observer,
    parent: Tracer.Span | undefined,
    run: string,
    workflow: string,
    { attempt, path, planned: { task } }: TaskRun
  ) {
    this.#observer = observer
    this.#workflow = workflow
    this.#method = task.method
    this.#began = observer.now()
    this.#span = observer.begin(`task ${task.id}`, Option.fromUndefinedOr(parent), "internal", {
      "gleitzeit.run.id": run,
      "gleitzeit.workflow.name": workflow,
      "gleitzeit.task.path": path,
      "gleitzeit.task.attempt": attempt,
      "rpc.method": task.method
    })
  }

  around<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#span === undefined ? effect : Effect.provideService(effect, Tracer.ParentSpan, this.#span)
  }

  /** `undefined`: it was stopped with its run. */
  end(outcome: Outcome | undefined): void {
    const observer = this.#observer
    const word = outcome?._tag.toLowerCase() ?? "interrupted"
    const failure = outcome?._tag === "Failed" || outcome?._tag === "Retrying" ? outcome.error : undefined
    const reply = outcome?._tag === "Completed" ? outcome.reply : undefined
    observer.add(this.#span, {
      "gleitzeit.task.outcome": word,
      "gleitzeit.provider": reply?.provider === "" ? undefined : reply?.provider,
      "gleitzeit.task.cached": reply?.cached === undefined ? undefined : true,
      "gleitzeit.task.reused": reply?.reused === undefined ? undefined : true
    })
    observer.record(Metrics.taskDuration, observer.since(this.#began), {
      "gleitzeit.workflow.name": this.#workflow,
      "rpc.method": this.#method,
      "gleitzeit.task.outcome": word,
      "error.type": failure?.name
    })
    observer.end(this.#span, failure ?? (outcome === undefined ? "stopped" : "well"))
  }
}
