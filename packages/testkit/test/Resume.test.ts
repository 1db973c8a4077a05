/**
 * Any small workflow, stopped anywhere: resumed from every prefix of its journal, on a store that fails, or cancelled
 * at any time. What was recorded does not run again, nothing is written twice or after the end, and no slot is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Backend,
  Errors,
  type Event,
  Gleitzeit,
  MemoryStore,
  type Run,
  Store,
  type Workflow,
  WorkflowFile
} from "@gleitzeit/core"
import { Deferred, Effect, Exit, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Engine, FlakyStore, ScriptedProvider } from "../src/index.ts"

const { inTime } = Engine

const Fate = Schema.Literals(["well", "fails", "again", "calls", "throws"])

// ── a workflow from whatever is drawn ───────────────────────────────────────────────

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Recipe = Schema.Struct({
  tasks: Schema.Array(
    Schema.Struct({
      /** Earlier tasks, counted modulo how many there are. */
      of: Schema.Array(upTo(6)).check(Schema.isMaxLength(3)),
      how: Schema.Literals(["after", "value", "else", "error", "if"]),
      fate: Fate,
      /** Of a `foreach`; without any it is a plain task. */
      items: Schema.Array(Fate).check(Schema.isMaxLength(3)),
      if: Schema.Literals(["always", "always", "never", "per item"]),
      after: Schema.Literals([0, 100, 1000]),
      goesOn: Schema.Boolean,
      once: Schema.Literals([false, false, false, true]),
      /** Too short for some. */
      limited: Schema.Boolean,
      priority: upTo(3)
    })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(6)),
  concurrency: upTo(2),
  failFast: Schema.Boolean
})
type Recipe = typeof Recipe.Type

const documentOf = ({ concurrency, failFast, tasks }: Recipe) => ({
  name: "any",
  max_concurrency: 1 + concurrency,
  fail_fast: failFast,
  tasks: tasks.map(({ after, fate, goesOn, how, if: condition, items, limited, of, once, priority }, i) => {
    const needed = i === 0 ? [] : [...new Set(of.map((n) => n % i))].map((n) => `t${n}`)
    const reference = { after: "", value: "", else: " ?? 'none'", error: ".error.name ?? 'none'", if: "" }[how]
    const status = needed.map((id) => `tasks["${id}"].status != "skipped"`).join(" && ")
    const expression =
      how === "if" && needed.length > 0
        ? status
        : condition === "never"
          ? "1 > 2"
          : condition === "per item" && items.length > 0
            ? "index != 1"
            : undefined
    return {
      id: `t${i}`,
      method: "script/do",
      priority,
      ...(how === "after" ? { dependencies: needed } : {}),
      ...(items.length > 0 ? { foreach: items, concurrency: 1 + (priority % 2) } : {}),
      ...(expression === undefined ? {} : { if: expression }),
      ...(goesOn ? { on_error: "continue" } : {}),
      ...(once ? { once: true } : {}),
      // recording a call is part of its attempt: a slow store makes it last longer
      ...(limited && ![fate, ...items].includes("calls") ? { timeout: 0.5 } : {}),
      retry: { max_attempts: 2, delay: 0.2, on: ["PROVIDER_OVERLOADED", "TASK_TIMEOUT"] },
      params: {
        script: items.length > 0 ? "${item}" : fate,
        wait: after,
        ...(how === "after" || how === "if" ? {} : { value: needed.map((id) => `\${${id}${reference}}`) })
      }
    }
  }),
  outputs: Object.fromEntries(tasks.map((_, i) => [`t${i}`, `\${t${i}}`]))
})

const parse = (document: unknown): Workflow.Workflow => {
  const { diagnostics, workflow } = WorkflowFile.fromValue(document)
  if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
  return workflow
}

// ── an engine that looks at what it does ────────────────────────────────────────────

/** `violations`: calls of what the journal had an outcome of. */
const engine = (plans: FlakyStore.Plans, violations: Array<string>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const backend = yield* MemoryStore.make
      const door = yield* Deferred.make<void>()
      let waiting = 0
      const fates: { readonly [fate in typeof Fate.Type]: ScriptedProvider.Script } = {
        well: (value, { task }) => Effect.succeed([task, value]),
        fails: ScriptedProvider.fail(new Errors.TaskExecutionFailed({ reason: "no", retryable: false })),
        again: (value, context) =>
          ScriptedProvider.failing(
            1,
            new Errors.ProviderOverloaded({ provider: "do", reason: "busy" }),
            fates.well
          )(value, context),
        calls: Effect.fnUntraced(function* (_, { call }) {
          const first = yield* call("first", "script/do", { script: "well" })
          return [first, yield* call("second", "script/do", { script: "well", value: first })]
        }),
        throws: () =>
          Effect.sync(() => {
            throw new Error("thrown")
          })
      }
      /** Before it does anything, a call looks, below the faults, whether its outcome stands in the journal. */
      const looking =
        (script: ScriptedProvider.Script): ScriptedProvider.Script =>
        (value, context) =>
          Effect.flatMap(Effect.orDie(backend.store.read(context.run, 0, 10_000)), (known) => {
            for (const { json } of known) {
              const event: Event.Event = JSON.parse(json)
              if ("task" in event && event.task === context.task && isFinal(event)) {
                violations.push(`${context.task} after ${json}`)
              }
            }
            return script(value, context)
          })
      /** Ends once all that are to meet are there. */
      const meet: ScriptedProvider.Script = () =>
        Effect.gen(function* () {
          if (++waiting === slots) yield* Deferred.succeed(door, undefined)
          yield* Deferred.await(door)
          return null
        })
      const scripts = Object.entries(fates).map(([fate, script]) => [fate, looking(script)] as const)
      return Engine.layer({
        slots,
        store: Backend.layer(FlakyStore.make(backend, plans)),
        provider: ScriptedProvider.layer({ scripts: { ...Object.fromEntries(scripts), meet } })
      })
    })
  )

const slots = 3

const isFinal = ({ _tag }: Event.Event): boolean =>
  ["TaskCompleted", "TaskFailed", "TaskSkipped", "TaskGathered", "CallRecorded"].includes(_tag)

const eventsOf = (run: string) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => Stream.runCollect(gleitzeit.events(run))).pipe(
    Effect.map((found) => found.map(({ event }) => event))
  )

/** One beginning, one end and nothing after it; one outcome a path, and none before those it waits for. */
const isLawful = (events: ReadonlyArray<Event.Event>) => {
  const tags = events.map(({ _tag }) => _tag)
  const told = JSON.stringify(events.map((event) => [event._tag, "task" in event ? event.task : ""]))
  assert.strictEqual(tags.lastIndexOf("RunCreated"), 0, told)
  const end = tags.findIndex((tag) => tag === "RunCompleted" || tag === "RunFailed" || tag === "RunCancelled")
  assert.strictEqual(end, tags.length - 1, told)
  const over = new Set<string>()
  const attempts = new Map<string, number>()
  let at = 0
  for (const event of events) {
    assert.isAtLeast(event.at, at, told)
    at = event.at
    if (!("task" in event)) continue
    assert.isFalse(over.has(event.task), `${event._tag} of ${event.task} after its outcome: ${told}`)
    if (event._tag === "TaskCompleted" || event._tag === "TaskFailed" || event._tag === "TaskRetrying") {
      const before = attempts.get(event.task) ?? 0
      if (!event.task.includes("/") && before > 0) assert.strictEqual(event.attempt, before + 1, told)
      attempts.set(event.task, event.attempt)
    }
    if (isFinal(event)) over.add(event.task)
    if (event._tag === "TaskGathered") over.add(event.task)
  }
}

/** What must be the same however often the run was stopped: not times, nor which items a fan that fails has begun. */
const essence = ({ error, outputs, status, tasks }: Run.Report) => ({
  status,
  outputs,
  failed: error?.data,
  tasks: Object.entries(tasks).flatMap(([id, { attempts, error, path, result, status }]) =>
    tasks[path.replace(/\[\d+\]$/, "")]?.error?.name === "ITEMS_FAILED"
      ? path.endsWith("]")
        ? []
        : [{ id, status }]
      : [{ id, status, attempts, result, error }]
  )
})

const isTheSame = (recipe: Recipe, report: Run.Report, whole: Run.Report) => {
  // an attempt that is not to be made again may have begun
  if (recipe.tasks.some(({ once }) => once)) return
  // a failure that ends all may come before or after what else is under way
  if (recipe.failFast) assert.strictEqual(report.status, whole.status)
  else assert.deepStrictEqual(essence(report), essence(whole))
}

/** All slots at once: none of them was lost. */
const meeting = parse({
  name: "meeting",
  max_concurrency: slots,
  tasks: Array.from({ length: slots }, (_, i) => ({ id: `t${i}`, method: "script/do", params: { script: "meet" } }))
})

const allSlots = Effect.gen(function* () {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  assert.strictEqual((yield* inTime(gleitzeit.run(meeting))).status, "completed")
})

/** A run that a process has left behind after some events. */
const leave = (run: string, events: ReadonlyArray<Store.StoredEvent>) =>
  Effect.gen(function* () {
    const store = yield* Store.Store
    const [first, ...rest] = events.map(({ at, json, kind }) => ({ at, json, kind }))
    assert.isDefined(first)
    const summary: Store.RunSummary = {
      run,
      workflow: "any",
      status: "running",
      tags: [],
      created_at: first.at,
      updated_at: first.at,
      tasks: {},
      waiting: [],
      usage: {},
      engine: "0"
    }
    yield* store.commit([{ run, after: 0, events: [first, ...rest], summary }])
  })

const undisturbed = (recipe: Recipe) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const report = yield* Engine.report(gleitzeit.run(parse(documentOf(recipe))))
    isLawful(yield* eventsOf(report.run))
    return report
  })

describe("any workflow", () => {
  it.effect.prop(
    "resumed from every prefix of its journal ends as it does undisturbed, and repeats nothing that is recorded",
    { recipe: Recipe },
    ({ recipe }) => {
      const violations: Array<string> = []
      return Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const store = yield* Store.Store
        const whole = yield* undisturbed(recipe)
        const journal = yield* store.read(whole.run, 0, 10_000)
        const resume = (length: number) =>
          Effect.gen(function* () {
            const run = `after ${length}`
            yield* leave(run, journal.slice(0, length))
            yield* gleitzeit.resume(run)
            yield* gleitzeit.wait(run)
            const report = yield* gleitzeit.get(run)
            isLawful(yield* eventsOf(run))
            isTheSame(recipe, report, whole)
          })
        // a failure and what is skipped by it are one append
        const lengths = journal.flatMap(({ kind }, length) => (length === 0 || kind === "TaskSkipped" ? [] : [length]))
        yield* inTime(Effect.forEach(lengths, resume, { concurrency: "unbounded" }))
        assert.deepStrictEqual(violations, [])
        yield* allSlots
      }).pipe(Effect.provide(engine({}, violations)))
    },
    { arbitrary: { runs: 60 } }
  )

  const Fault = Schema.Struct({
    operation: Schema.Literals(["commit", "commit", "commit", "post", "read", "claim", "beat", "release"]),
    call: upTo(12),
    tag: Schema.Literals(["Fail", "Tear", "Delay"]),
    retryable: Schema.Boolean,
    millis: upTo(500)
  })

  it.effect.prop(
    "on a store that fails ends as it does undisturbed, resumed as often as it takes",
    { recipe: Recipe, faults: Schema.Array(Fault).check(Schema.isMaxLength(6)) },
    ({ faults, recipe }) => {
      const violations: Array<string> = []
      let calm = false
      const plan =
        (operation: FlakyStore.Operation): FlakyStore.Plan =>
        (call) => {
          const fault = faults.find((one) => one.operation === operation && 2 + one.call === call)
          if (calm || fault === undefined) return undefined
          const { millis, retryable, tag } = fault
          return tag === "Delay" ? { _tag: tag, millis } : { _tag: tag, retryable }
        }
      const operations = ["commit", "post", "read", "claim", "beat", "release"] as const
      const plans: FlakyStore.Plans = Object.fromEntries(operations.map((operation) => [operation, plan(operation)]))
      return Effect.gen(function* () {
        const whole = yield* Effect.provide(undisturbed(recipe), Layer.fresh(engine({}, [])))
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const run = yield* gleitzeit.submit(parse(documentOf(recipe)))
        let ended: Exit.Exit<unknown, Gleitzeit.RunError> = yield* inTime(Effect.exit(gleitzeit.wait(run)))
        for (let i = 0; Exit.isFailure(ended) && i < 10; i++) {
          ended = yield* inTime(Effect.exit(Effect.andThen(gleitzeit.resume(run), gleitzeit.wait(run))))
        }
        calm = true
        yield* ended
        const report = yield* gleitzeit.get(run)
        isLawful(yield* eventsOf(run))
        isTheSame(recipe, report, whole)
        assert.deepStrictEqual(violations, [])
        yield* TestClock.adjust("10 seconds")
        yield* allSlots
      }).pipe(Effect.provide(engine(plans, violations)))
    },
    { arbitrary: { runs: 60 } }
  )

  it.effect.prop(
    "cancelled or timed out at any time, on a store that takes its time, ends once and gives its slots back",
    {
      recipe: Recipe,
      delays: Schema.Array(upTo(300)).check(Schema.isMaxLength(8)),
      at: upTo(1500),
      timeout: upTo(1500)
    },
    ({ at, delays, recipe, timeout }) => {
      const violations: Array<string> = []
      const plans: FlakyStore.Plans = { commit: (commit) => ({ _tag: "Delay", millis: delays[commit] ?? 0 }) }
      return Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const limit = timeout > 750 ? {} : { timeout: (timeout + 1) / 1000 }
        const run = yield* inTime(gleitzeit.submit(parse({ ...documentOf(recipe), ...limit })))
        yield* TestClock.adjust(at)
        yield* inTime(Effect.exit(gleitzeit.cancel(run)))
        const report = yield* inTime(gleitzeit.wait(run))
        assert.include(["cancelled", "completed", "failed"], report.status)
        yield* allSlots
        const events = yield* eventsOf(run)
        isLawful(events.filter(({ _tag }) => _tag !== "CancelRequested"))
        assert.deepStrictEqual(violations, [])
      }).pipe(Effect.provide(engine(plans, violations)))
    },
    { arbitrary: { runs: 60 } }
  )
})
