/**
 * Any small workflow, stopped anywhere: resumed from every prefix of its journal, on a store that fails, or cancelled
 * at any time. What was recorded does not run again, nothing is written twice or after the end, and no slot is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Errors,
  type Event,
  Executor,
  Files,
  Gleitzeit,
  MemoryStore,
  Method,
  Protocol,
  Provider,
  Providers,
  type Run,
  Secrets,
  Store,
  TaskContext,
  type Workflow,
  WorkflowFile
} from "@gleitzeit/core"
import { Deferred, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FlakyStore from "../src/FlakyStore.ts"

const Fate = Schema.Literals(["well", "fails", "again", "calls", "throws"])

const DoV1 = Protocol.make("do/v1", {
  description: "Whatever a workflow is to meet",
  methods: {
    "do/it": Method.make({
      description: "Ends as its fate says, after a while",
      effects: "reads",
      params: Schema.Struct({
        fate: Fate,
        after: Schema.optionalKey(Schema.Finite),
        value: Schema.optionalKey(Schema.Json)
      }),
      result: Schema.Json
    }),
    "do/meet": Method.make({
      description: "Ends once all that are to meet are there",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Json
    })
  }
})

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
      method: "do/it",
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
        fate: items.length > 0 ? "${item}" : fate,
        after,
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
const engine = (plan: FlakyStore.Plan, violations: Array<string>) => {
  const Do = Provider.layer(
    DoV1,
    Effect.gen(function* () {
      const store = yield* Store.Store
      const door = yield* Deferred.make<void>()
      let waiting = 0
      return {
        name: "do",
        handlers: {
          "do/it": Effect.fnUntraced(function* ({ after = 0, fate, value = null }) {
            const { attempt, call, run, task } = yield* TaskContext.TaskContext
            const known = yield* Effect.orDie(store.read(run, 0, 10_000))
            for (const { json } of known) {
              const event: Event.Event = JSON.parse(json)
              if ("task" in event && event.task === task && isFinal(event)) violations.push(`${task} after ${json}`)
            }
            if (after > 0) yield* Effect.sleep(after)
            if (fate === "throws") throw new Error("thrown")
            if (fate === "fails") return yield* new Errors.TaskExecutionFailed({ reason: "no", retryable: false })
            if (fate === "again" && attempt === 1) {
              return yield* new Errors.ProviderOverloaded({ provider: "do", reason: "busy" })
            }
            if (fate !== "calls") return [task, value]
            const first = yield* call("first", "do/it", { fate: "well", after })
            return [first, yield* call("second", "do/it", { fate: "well", value: first })]
          }),
          "do/meet": () =>
            Effect.gen(function* () {
              if (++waiting === slots) yield* Deferred.succeed(door, undefined)
              yield* Deferred.await(door)
              return null
            })
        }
      }
    })
  )
  return Gleitzeit.layer({ slots }).pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(Do),
    Layer.provide(Providers.layer),
    Layer.provideMerge(FlakyStore.layer(plan, MemoryStore.layer))
  )
}

const slots = 3

const isFinal = ({ _tag }: Event.Event): boolean =>
  ["TaskCompleted", "TaskFailed", "TaskSkipped", "TaskGathered", "CallRecorded"].includes(_tag)

/** Lets time pass until the effect is done; it must not take for ever. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < 3000 && fiber.pollUnsafe() === undefined; i++) {
      yield* TestClock.adjust(50)
      // the journal commits in a turn of its own
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    if (fiber.pollUnsafe() === undefined) {
      yield* Fiber.interrupt(fiber)
      assert.fail("it hangs")
    }
    return yield* Fiber.join(fiber)
  })

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
  tasks: Array.from({ length: slots }, (_, i) => ({ id: `t${i}`, method: "do/meet", params: {} }))
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
    const report = yield* inTime(gleitzeit.run(parse(documentOf(recipe))))
    isLawful(yield* eventsOf(report.run))
    return report
  })

const well: FlakyStore.Plan = () => undefined

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
            const report = yield* gleitzeit.wait(run)
            isLawful(yield* eventsOf(run))
            isTheSame(recipe, report, whole)
          })
        // a failure and what is skipped by it are one append
        const lengths = journal.flatMap(({ kind }, length) => (length === 0 || kind === "TaskSkipped" ? [] : [length]))
        yield* inTime(Effect.forEach(lengths, resume, { concurrency: "unbounded" }))
        assert.deepStrictEqual(violations, [])
        yield* allSlots
      }).pipe(Effect.provide(engine(well, violations)))
    },
    { arbitrary: { runs: 60 } }
  )

  const Fault = Schema.Struct({
    commit: upTo(12),
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
      const plan = FlakyStore.at(
        Object.fromEntries(
          faults.map(({ commit, millis, retryable, tag }): [number, FlakyStore.Fault] => [
            2 + commit,
            tag === "Delay" ? { _tag: tag, millis } : { _tag: tag, retryable }
          ])
        )
      )
      return Effect.gen(function* () {
        const whole = yield* Effect.provide(undisturbed(recipe), Layer.fresh(engine(well, [])))
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const run = yield* gleitzeit.submit(parse(documentOf(recipe)))
        let ended: Exit.Exit<Run.Report, Gleitzeit.RunError> = yield* inTime(Effect.exit(gleitzeit.wait(run)))
        for (let i = 0; Exit.isFailure(ended) && i < 10; i++) {
          ended = yield* inTime(Effect.exit(Effect.andThen(gleitzeit.resume(run), gleitzeit.wait(run))))
        }
        calm = true
        const report = yield* ended
        isLawful(yield* eventsOf(run))
        isTheSame(recipe, report, whole)
        assert.deepStrictEqual(violations, [])
        yield* TestClock.adjust("10 seconds")
        yield* allSlots
      }).pipe(Effect.provide(engine((commit) => (calm ? undefined : plan(commit)), violations)))
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
      const plan: FlakyStore.Plan = (commit) => ({ _tag: "Delay", millis: delays[commit] ?? 0 })
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
      }).pipe(Effect.provide(engine(plan, violations)))
    },
    { arbitrary: { runs: 60 } }
  )
})
