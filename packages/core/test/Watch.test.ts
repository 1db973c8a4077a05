import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Schema, Stream } from "effect"
import { RunNotFound, TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { Store } from "../src/Store.ts"
import { Feed } from "../src/Live.ts"
import { type Watched, watch } from "../src/Watch.ts"
import { Backlog } from "../src/WatchBacklog.ts"
import { engine, inTime, orphan, type Script, workflow } from "./harness.ts"

const document = (script: string, more = "") =>
  workflow(`name: talk\ntasks: [{ id: a, method: test/run, params: { script: ${script} }${more} }]`)

const text =
  (count: number): Script =>
  (_, context) =>
    Effect.as(
      Effect.forEach(Array.from({ length: count }).keys(), (i) => context.emit({ _tag: "Text", text: `${i} ` })),
      "said"
    )

const submit = (script: string, more?: string) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) => gleitzeit.submit(document(script, more)))

/** `Event kind`, `Started 1`, `1:0` for a chunk, `1:0-9` for a gap. */
const short = (seen: Watched): string => {
  switch (seen._tag) {
    case "Event":
      return seen.event._tag
    case "Started":
      return `Started ${seen.attempt}`
    case "Chunk":
      return `${seen.attempt}:${seen.index}`
    case "Gap":
      return `${seen.attempt}:${seen.from}-${seen.to}`
  }
}

/** How many chunks one stands for. */
const width = (seen: Watched): number => (seen._tag === "Chunk" ? 1 : seen._tag === "Gap" ? seen.to - seen.from + 1 : 0)

describe("a watcher", () => {
  it.effect("sees chunks between the events that they came between, and no gap", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const seen = yield* Stream.runCollect(gleitzeit.watch(yield* submit("talk")))
      assert.deepStrictEqual(seen.map(short), [
        "RunCreated",
        "Started 1",
        "1:0",
        "1:1",
        "1:2",
        "TaskCompleted",
        "RunCompleted"
      ])
    }).pipe(Effect.provide(engine({ talk: text(3) })))
  )

  it.effect("that takes nothing loses chunks and no event, and a gap says which", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* submit("talk")
      const stands = yield* Deferred.make<void>()
      const goesOn = yield* Deferred.make<void>()
      const seen: Array<Watched> = []
      const watcher = yield* Effect.forkChild(
        Stream.runForEach(gleitzeit.watch(id), (one) =>
          Effect.gen(function* () {
            seen.push(one)
            if (one._tag !== "Started") return
            yield* Deferred.succeed(stands, undefined)
            yield* Deferred.await(goesOn)
          })
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(stands)
      assert.strictEqual((yield* gleitzeit.wait(id)).status, "completed")
      yield* Deferred.succeed(goesOn, undefined)
      yield* Fiber.join(watcher)
      const tags = seen.map(short)
      assert.deepStrictEqual(tags.slice(0, 3), ["RunCreated", "Started 1", "1:0"])
      assert.match(tags.at(-3) ?? "", /^1:\d+-19999$/)
      assert.deepStrictEqual(tags.slice(-2), ["TaskCompleted", "RunCompleted"])
      assert.isBelow(seen.length, 10_000)
      assert.strictEqual(
        seen.reduce((sum, one) => sum + width(one), 0),
        20_000
      )
    }).pipe(
      Effect.provide(
        engine({ talk: (value, context) => Effect.andThen(Effect.yieldNow, text(20_000)(value, context)) })
      )
    )
  )

  it.effect("that comes in the middle of an attempt is told what it has missed", () =>
    Effect.gen(function* () {
      const half = yield* Deferred.make<void>()
      const goesOn = yield* Deferred.make<void>()
      const talk: Script = (value, context) =>
        Effect.gen(function* () {
          yield* text(5)(value, context)
          yield* Deferred.succeed(half, undefined)
          yield* Deferred.await(goesOn)
          return yield* text(2)(value, context)
        })
      const seen: Array<string> = []
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit
        const id = yield* submit("talk")
        yield* Deferred.await(half)
        const began = yield* Deferred.make<void>()
        const watcher = yield* Effect.forkChild(
          Stream.runForEach(gleitzeit.watch(id), (one) => {
            seen.push(short(one))
            return Deferred.succeed(began, undefined)
          }),
          { startImmediately: true }
        )
        yield* Deferred.await(began)
        yield* Deferred.succeed(goesOn, undefined)
        yield* Fiber.join(watcher)
      }).pipe(Effect.provide(engine({ talk })))
      assert.deepStrictEqual(seen, ["RunCreated", "1:0-4", "1:5", "1:6", "TaskCompleted", "RunCompleted"])
    })
  )

  it.effect("sees each attempt from its first chunk on", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* submit("twice", ", retry: { max_attempts: 2, delay: 1 }")
      const seen = yield* inTime(Stream.runCollect(gleitzeit.watch(id)))
      assert.deepStrictEqual(seen.map(short), [
        "RunCreated",
        "Started 1",
        "1:0",
        "1:1",
        "TaskRetrying",
        "Started 2",
        "2:0",
        "2:1",
        "TaskCompleted",
        "RunCompleted"
      ])
    }).pipe(
      Effect.provide(
        engine({
          twice: (value, context) =>
            Effect.andThen(
              text(2)(value, context),
              context.attempt === 1
                ? Effect.fail(new TaskExecutionFailed({ reason: "the first time", retryable: true }))
                : Effect.succeed(null)
            )
        })
      )
    )
  )

  it.effect("sees a chunk behind the events that it follows, and none behind its attempt's end", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const feed = new Feed()
      yield* orphan("r", "tasks: [{ id: a, method: test/run }]", [
        { _tag: "RunResumed", v: 1, at: 2, owner: "me" },
        { _tag: "TaskCompleted", v: 1, at: 3, task: "a", started: 2, duration: 1, attempt: 1, result: null },
        { _tag: "RunCompleted", v: 1, at: 4, outputs: {}, warnings: [] }
      ])
      const publish = (index: number, after: number) =>
        feed.publish("r", { _tag: "Chunk", task: "a", attempt: 1, index, chunk: { _tag: "Text", text: "x" } }, after)
      const reading: Store["Service"] = {
        ...store,
        read: (run, after, limit) =>
          Effect.suspend(() => {
            publish(0, 2)
            publish(1, 3)
            return store.read(run, after, limit)
          })
      }
      const seen = yield* Stream.runCollect(watch(reading, feed, "r"))
      assert.deepStrictEqual(seen.map(short), ["RunCreated", "RunResumed", "1:0", "TaskCompleted", "RunCompleted"])
    }).pipe(Effect.provide(engine()))
  )

  it.effect("that goes away is heard of no more", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const feed = new Feed()
      yield* orphan("r", "tasks: [{ id: a, method: test/run }]")
      const seen = yield* Queue.unbounded<Watched>()
      const watcher = yield* Effect.forkChild(
        Stream.runForEach(watch(store, feed, "r"), (one) => Queue.offer(seen, one)),
        { startImmediately: true }
      )
      yield* Queue.take(seen)
      assert.isTrue(feed.isHeard)
      yield* Fiber.interrupt(watcher)
      assert.isFalse(feed.isHeard)
    }).pipe(Effect.provide(engine()))
  )

  it.effect("of a run that is not there fails", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const error = yield* Effect.flip(Stream.runDrain(gleitzeit.watch("nobody")))
      assert.instanceOf(error, RunNotFound)
    }).pipe(Effect.provide(engine()))
  )

  it.effect("that takes one event reads no more than a page ahead", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* orphan(
        "r",
        "tasks: [{ id: a, method: test/run }]",
        Array.from({ length: 2500 }, () => ({ _tag: "RunResumed", v: 1, at: 2, owner: "me" }) as const)
      )
      const reads: Array<number> = []
      const counting: Store["Service"] = {
        ...store,
        read: (run, after, limit) => Effect.suspend(() => (reads.push(after), store.read(run, after, limit)))
      }
      yield* Stream.runDrain(Stream.take(watch(counting, new Feed(), "r"), 1))
      assert.deepStrictEqual(reads, [0])
      const all = yield* Stream.runCollect(Stream.take(watch(counting, new Feed(), "r"), 2501))
      assert.deepStrictEqual(
        all.map((one) => (one._tag === "Event" ? one.sequence : 0)),
        Array.from({ length: 2501 }, (_, i) => i + 1)
      )
    }).pipe(Effect.provide(engine()))
  )
})

describe("a backlog", () => {
  const chunk = (index: number, text: string) =>
    ({ _tag: "Chunk", task: "a", attempt: 1, index, chunk: { _tag: "Text", text } }) as const

  const taken = (backlog: Backlog) => {
    const all: Array<string> = []
    backlog.take(
      0,
      () => true,
      (live) => all.push(short(live))
    )
    return all
  }

  it("is bounded in characters too", () => {
    const backlog = new Backlog()
    for (let i = 0; i < 100; i++) backlog.add(chunk(i, "x".repeat(100_000)), 0)
    assert.deepStrictEqual(taken(backlog).slice(-2), ["1:10", "1:11-99"])
    backlog.add(chunk(100, "y"), 0)
    assert.deepStrictEqual(taken(backlog), ["1:100"])
  })

  it("counts anew when the same attempt begins again", () => {
    const backlog = new Backlog()
    for (let i = 0; i < 5; i++) backlog.add(chunk(i, "x"), 0)
    backlog.add({ _tag: "Started", task: "a", attempt: 1, at: 0 }, 0)
    backlog.add(chunk(2, "x"), 0)
    assert.deepStrictEqual(taken(backlog).slice(5), ["Started 1", "1:0-1", "1:2"])
  })

  const step = Schema.Union([
    Schema.TaggedStruct("Add", {
      task: Schema.Literals(["a", "b"]),
      count: Schema.Literals([1, 2, 100, 3000]),
      size: Schema.Literals([0, 7, 400_000]),
      again: Schema.Boolean
    }),
    Schema.TaggedStruct("Take", { events: Schema.Literals([0, 1, 2]) })
  ])

  it.prop(
    "gives chunks and gaps of an attempt in order, each index once, whenever it is taken",
    { steps: Schema.Array(step).check(Schema.isMaxLength(20)) },
    ({ steps }) => {
      const backlog = new Backlog()
      const emitted = new Map<string, { attempt: number; index: number }>()
      const total = new Map<string, number>()
      const next = new Map<string, number>()
      let recorded = 0
      let read = 0
      const take = (sequence: number) =>
        backlog.take(
          sequence,
          () => true,
          (live) => {
            if (live._tag === "Started") return
            const key = `${live.task} ${live.attempt}`
            assert.strictEqual(live._tag === "Gap" ? live.from : live.index, next.get(key) ?? 0)
            next.set(key, (live._tag === "Gap" ? live.to : live.index) + 1)
          }
        )
      for (const one of steps) {
        if (one._tag === "Take") {
          read = Math.min(recorded, read + one.events)
          take(read)
          continue
        }
        let at = emitted.get(one.task)
        if (at === undefined || one.again) {
          at = { attempt: (at?.attempt ?? 0) + 1, index: 0 }
          emitted.set(one.task, at)
          recorded++
          backlog.add({ _tag: "Started", task: one.task, attempt: at.attempt, at: 0 }, recorded)
        }
        const chunk = { _tag: "Text", text: "x".repeat(one.size) } as const
        for (let i = 0; i < one.count; i++) {
          backlog.add({ _tag: "Chunk", task: one.task, attempt: at.attempt, index: at.index++, chunk }, recorded)
        }
        total.set(`${one.task} ${at.attempt}`, at.index)
      }
      take(recorded)
      assert.deepStrictEqual(next, new Map([...total].filter(([, count]) => count > 0)))
    }
  )
})
