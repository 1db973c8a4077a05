import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as HubNode from "../src/HubNode.ts"
import * as HubPolicy from "../src/HubPolicy.ts"
import { type Entry, HubQueue } from "../src/HubQueue.ts"

const models = ["a:latest", "b:latest", "c:latest"]

/** A server that has been asked, has the models, and nothing in memory. */
const ready = (queue: HubQueue, url: string, names: ReadonlyArray<string>, now: number) =>
  queue.update(url, (node) =>
    HubNode.found(HubNode.seen(HubNode.told(node, new Map(names.map((name) => [name, { name }])), now), [], now))
  )

const index = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** Something that happens to a hub: most of it are requests, and their ends. */
const Happening = Schema.Union([
  Schema.TaggedStruct("Asked", { model: index(2), context: Schema.Literals([0, 4096]) }),
  Schema.TaggedStruct("Answered", { which: index(20), took: index(9000) }),
  Schema.TaggedStruct("GivenUp", { which: index(20) }),
  Schema.TaggedStruct("Busy", { which: index(20) }),
  Schema.TaggedStruct("Broke", { which: index(20) }),
  Schema.TaggedStruct("Passed", { seconds: index(40) })
])

const Scene = Schema.Struct({
  servers: Schema.Array(
    Schema.Struct({ has: index(7), maxConcurrent: Schema.Literals([1, 2, 3]), weight: Schema.Literals([1, 2]) })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  happenings: Schema.Array(Happening).check(Schema.isMaxLength(60))
})

/** Plays it, looks at the hub after everything that happens, and lets all that is left be answered. */
const played = (
  { happenings, servers }: typeof Scene.Type,
  look: (queue: HubQueue, entries: ReadonlyArray<Entry>, now: number) => void
): ReadonlyArray<Entry> => {
  let now = 0
  const queue = new HubQueue(
    servers.map(({ maxConcurrent, weight }, at) => ({ url: `http://s${at}`, maxConcurrent, weight })),
    { maxQueue: 10, patience: 60_000 }
  )
  const offered = servers.map(({ has }) => models.filter((_, at) => (has & (1 << at)) !== 0))
  for (const [at, names] of offered.entries()) ready(queue, `http://s${at}`, names, now)
  const entries: Array<Entry> = []
  const answered = new Set<Entry>()
  const turn = () => {
    for (const { url } of queue.turn(now).look) ready(queue, url, offered[Number(url.slice(-1))] ?? [], now)
    queue.turn(now)
    look(
      queue,
      entries.filter((entry) => !answered.has(entry)),
      now
    )
  }
  const atWork = () => entries.filter(({ outcome }) => outcome?._tag === "Granted")
  const nth = (which: number) => {
    const all = atWork()
    return all.length === 0 ? undefined : all[which % all.length]
  }
  const end = (entry: Entry | undefined, change: (node: HubNode.Node, work: HubNode.Work) => HubNode.Node) => {
    const { outcome } = entry ?? {}
    if (entry === undefined || outcome?._tag !== "Granted") return
    queue.leave(entry)
    queue.update(outcome.url, (node) => change(node, outcome.work))
  }
  for (const happening of happenings) {
    if (happening._tag === "Asked") {
      const model = models[happening.model] ?? ""
      const wish = happening.context === 0 ? { model } : { model, context: happening.context }
      const entry = queue.enter(wish, now)
      if (entry !== undefined) entries.push(entry)
    } else if (happening._tag === "Answered") {
      const entry = nth(happening.which)
      if (entry !== undefined) answered.add(entry)
      end(entry, (node, work) => HubNode.succeeded(HubNode.learned(node, work, { total: happening.took })))
    } else if (happening._tag === "GivenUp") {
      const entry = entries.find(({ outcome }) => outcome === undefined) ?? nth(happening.which)
      if (entry !== undefined) {
        queue.leave(entry)
        answered.add(entry)
      }
    } else if (happening._tag === "Passed") now += happening.seconds * 1000
    else {
      const entry = nth(happening.which)
      const kind = happening._tag === "Busy" ? "busy" : "down"
      end(entry, (node) => HubNode.cooled(node, { kind, reason: "it is so", now, jitter: 0.5 }))
      if (entry !== undefined) queue.join(entry)
    }
    turn()
  }
  for (let rest = 0; rest < 400 && (queue.length > 0 || atWork().length > 0); rest++) {
    const entry = nth(0)
    if (entry === undefined) now += 31_000
    else answered.add(entry)
    end(entry, (node, work) => HubNode.succeeded(HubNode.learned(node, work, { total: 1000 })))
    turn()
  }
  return entries.filter((entry) => !answered.has(entry))
}

describe("HubQueue, whatever happens,", () => {
  it.effect.prop("never has more waiting than it may", { scene: Scene }, ({ scene }) =>
    Effect.sync(() =>
      played(scene, (queue) => {
        // those that come back from a server that failed are let in again
        const back = queue.nodes.reduce((sum, { maxConcurrent }) => sum + 3 * maxConcurrent, 0)
        assert.isAtMost(queue.length, 10 + back)
      })
    )
  )

  it.effect.prop("gives a request to no server without its model", { scene: Scene }, ({ scene }) =>
    Effect.sync(() =>
      played(scene, (queue) => {
        for (const { active, models } of queue.nodes) {
          for (const { wish } of active) assert.isTrue(models?.has(wish.model))
        }
      })
    )
  )

  it.effect.prop("gives a server no more requests for a model than it may have", { scene: Scene }, ({ scene }) =>
    Effect.sync(() =>
      played(scene, (queue) => {
        for (const { active, maxConcurrent, room } of queue.nodes) {
          for (const model of models) {
            assert.isAtMost(active.filter(({ wish }) => wish.model === model).length, maxConcurrent)
          }
          assert.isAtMost(active.length, maxConcurrent * room)
        }
      })
    )
  )

  it.effect.prop("passes over nobody for ever", { scene: Scene }, ({ scene }) =>
    Effect.sync(() =>
      played(scene, (_queue, entries) => {
        for (const { skipped } of entries) assert.isAtMost(skipped, HubPolicy.maxSkip * scene.servers.length)
      })
    )
  )

  it.effect.prop("answers every request, or says why not", { scene: Scene }, ({ scene }) =>
    Effect.sync(() => {
      const left = played(scene, () => {})
      for (const { outcome, wish } of left) {
        assert.notStrictEqual(outcome?._tag, "Granted")
        assert.isDefined(outcome)
        const known = scene.servers.some(({ has }) => (has & (1 << models.indexOf(wish.model))) !== 0)
        assert.strictEqual(outcome?._tag, known ? "Stranded" : "Absent")
      }
    })
  )

  it.effect.prop(
    "leaves no free server idle that could begin with the first in the queue",
    { scene: Scene },
    ({ scene }) =>
      Effect.sync(() =>
        played(scene, (queue, entries, now) => {
          const first = entries.find(({ outcome }) => outcome === undefined)
          if (first === undefined || queue.length === 0 || queue.nodes.some(({ active }) => active.length > 0)) return
          assert.isFalse(
            queue.nodes.some((node) => HubNode.isUsable(node, now) && HubPolicy.isPossible(node, first)),
            "all are idle, and it waits"
          )
        })
      )
  )

  it.effect.prop("answers equals in the order in which they came", { count: index(9) }, ({ count }) =>
    Effect.sync(() => {
      const queue = new HubQueue([{ url: "http://s0" }, { url: "http://s1" }], { maxQueue: 10, patience: 1000 })
      for (const { url } of queue.nodes) ready(queue, url, models, 0)
      const entries = Array.from({ length: count }, () => queue.enter({ model: "a:latest" }, 0))
      const order: Array<number> = []
      for (const entry of entries) if (entry !== undefined) entry.wake = () => order.push(entry.id)
      for (let now = 0; now < 100_000; now += 1000) {
        queue.turn(now)
        const entry = entries.find((entry) => entry?.outcome?._tag === "Granted")
        if (entry !== undefined) queue.leave(entry)
      }
      assert.deepStrictEqual(
        order,
        order.toSorted((a, b) => a - b)
      )
      assert.strictEqual(order.length, count)
    })
  )
})

describe("HubQueue", () => {
  const fate = (entry: Entry | undefined) => entry?.outcome?._tag ?? "waits"

  const given = (queue: HubQueue, now: number) => {
    const entry = queue.enter({ model: "a:latest" }, now)
    const { look } = queue.turn(now)
    return { entry, look }
  }

  it("has servers asked first after a minute in which nobody wanted anything", () => {
    const queue = new HubQueue([{ url: "http://s0" }], { maxQueue: 10, patience: 1000 })
    ready(queue, "http://s0", models, 0)
    const { entry } = given(queue, 0)
    assert.strictEqual(fate(entry), "Granted")
    if (entry !== undefined) queue.leave(entry)
    const later = given(queue, 60_000)
    assert.strictEqual(fate(later.entry), "waits")
    assert.deepStrictEqual(later.look, [{ url: "http://s0", models: true }])
    ready(queue, "http://s0", models, 60_010)
    queue.turn(60_010)
    assert.strictEqual(fate(later.entry), "Granted")
  })

  it("has patience once for a server that fails again and again", () => {
    const queue = new HubQueue([{ url: "http://s0" }], { maxQueue: 10, patience: 2900 })
    const fails = (now: number) =>
      queue.update("http://s0", (node) => HubNode.cooled(node, { kind: "down", reason: "away", now, jitter: 0.5 }))
    ready(queue, "http://s0", models, 0)
    fails(0)
    const { entry } = given(queue, 0)
    for (const now of [1000, 3000]) {
      assert.deepStrictEqual(queue.turn(now).look, [{ url: "http://s0", models: true }])
      assert.strictEqual(fate(entry), "waits")
      fails(now)
    }
    queue.turn(3000)
    assert.strictEqual(fate(entry), "Stranded")
  })

  it("waits no longer than 200 ms for a server that says nothing when another has answered", () => {
    const queue = new HubQueue([{ url: "http://s0" }, { url: "http://s1" }], { maxQueue: 10, patience: 1000 })
    const { entry } = given(queue, 0)
    ready(queue, "http://s1", models, 50)
    assert.strictEqual(queue.turn(50).due, 200)
    assert.strictEqual(fate(entry), "waits")
    queue.turn(200)
    assert.strictEqual(fate(entry), "Granted")
  })

  it("has a server asked every 10 s what is in its memory, and after a load, and every minute for its models", () => {
    const queue = new HubQueue([{ url: "http://s0", maxConcurrent: 2 }], { maxQueue: 10, patience: 1000 })
    ready(queue, "http://s0", models, 0)
    const { entry } = given(queue, 0)
    assert.deepStrictEqual(queue.turn(9999).look, [])
    assert.deepStrictEqual(queue.turn(10_000).look, [{ url: "http://s0", models: false }])
    assert.deepStrictEqual(queue.turn(60_000).look, [{ url: "http://s0", models: true }])
    const { outcome } = entry ?? {}
    assert.strictEqual(outcome?._tag, "Granted")
    if (entry === undefined || outcome?._tag !== "Granted") return
    queue.leave(entry)
    queue.update("http://s0", (node) => HubNode.learned(node, outcome.work, { load: 3000, total: 4000 }))
    assert.deepStrictEqual(queue.turn(10).look, [])
    assert.deepStrictEqual(given(queue, 10).look, [{ url: "http://s0", models: false }])
  })
})

const node = (url: string, change: Partial<HubNode.Node> = {}): HubNode.Node => ({
  ...HubNode.make({ url }),
  models: new Map(models.map((name) => [name, { name }])),
  health: { _tag: "Healthy" },
  ...change
})

const waiting = (model: string, change: Partial<HubPolicy.Waiting> = {}): HubPolicy.Waiting => ({
  wish: { model },
  spent: new Set(),
  skipped: 0,
  ...change
})

const work = (model: string, answer: number, load = 0): HubNode.Work => ({
  id: 0,
  wish: { model },
  key: model,
  since: 0,
  load,
  answer
})

const chosen = (queue: ReadonlyArray<HubPolicy.Waiting>, nodes: ReadonlyArray<HubNode.Node>) => {
  const choice = HubPolicy.choose(queue, nodes, 0)
  return choice === undefined ? undefined : [choice.index, choice.url]
}

describe("HubPolicy.choose", () => {
  const times = { loadTimes: new Map([["a:latest", 10_000]]), answerTimes: new Map([["a:latest", 1000]]) }
  const warm = { ...times, loaded: ["a:latest"] }

  it("takes a server that has the model in memory", () => {
    assert.deepStrictEqual(chosen([waiting("a:latest")], [node("cold", times), node("warm", warm)]), [0, "warm"])
  })

  it("waits for a busy server that has the model in memory rather than have it loaded", () => {
    const busy = node("warm", { ...warm, active: [work("a:latest", 1000)] })
    assert.isUndefined(chosen([waiting("a:latest")], [node("cold", times), busy]))
  })

  it("has it loaded where waiting takes longer", () => {
    const busy = node("warm", { ...warm, active: [work("a:latest", 60_000)] })
    assert.deepStrictEqual(chosen([waiting("a:latest")], [node("cold", times), busy]), [0, "cold"])
  })

  it("has it loaded where many wait already for the same", () => {
    const busy = node("warm", { ...warm, active: [work("a:latest", 1000)] })
    const queue = Array.from({ length: 20 }, () => waiting("a:latest"))
    assert.deepStrictEqual(chosen(queue, [node("cold", times), busy]), [9, "cold"])
  })

  it("takes the faster of two", () => {
    const fast = { ...warm, answerTimes: new Map([["a:latest", 200]]) }
    assert.deepStrictEqual(chosen([waiting("a:latest")], [node("slow", warm), node("fast", fast)]), [0, "fast"])
  })

  it("loads a model for another context only when it has to", () => {
    const other = node("other", { ...times, loaded: ["a:latest 4096"] })
    const same = node("same", { ...times, loaded: ["a:latest 8192"] })
    const wish = { model: "a:latest", context: 8192 }
    assert.deepStrictEqual(chosen([waiting("", { wish })], [other, same]), [0, "same"])
  })

  it("goes by weight between equals, and then in turn", () => {
    const queue = [waiting("a:latest")]
    assert.deepStrictEqual(chosen(queue, [node("light"), node("heavy", { weight: 2 })]), [0, "heavy"])
    assert.deepStrictEqual(chosen(queue, [node("late", { turn: 2 }), node("early", { turn: 1 })]), [0, "early"])
  })

  it("lets those behind it go first whose model it would put out of memory", () => {
    const free = node("s", { ...warm, answerTimes: new Map() })
    assert.deepStrictEqual(chosen([waiting("b:latest"), waiting("a:latest")], [free]), [1, "s"])
    const roomy = node("s", { ...warm, answerTimes: new Map(), room: 2 })
    assert.deepStrictEqual(chosen([waiting("b:latest"), waiting("a:latest")], [roomy]), [0, "s"])
    const old = waiting("b:latest", { skipped: HubPolicy.maxSkip })
    assert.deepStrictEqual(chosen([old, waiting("a:latest")], [free]), [0, "s"])
  })

  it("lets others pass while a request waits for something better, and tells who was passed over", () => {
    const busy = node("warm", { ...warm, active: [work("a:latest", 1000)] })
    const choice = HubPolicy.choose([waiting("a:latest"), waiting("b:latest")], [node("cold", times), busy], 0)
    assert.deepInclude(choice, { index: 1, url: "cold", passed: [0] })
  })

  it("lets nobody pass a request that was passed over too often", () => {
    const busy = node("warm", { ...warm, active: [work("a:latest", 1000)] })
    const old = waiting("a:latest", { skipped: 2 * HubPolicy.maxSkip })
    assert.deepStrictEqual(chosen([old, waiting("b:latest")], [node("cold", times), busy]), [0, "cold"])
    const away = waiting("a:latest", { skipped: HubPolicy.maxSkip, spent: new Set(["cold"]) })
    const idle = node("warm", { ...warm, active: [work("b:latest", 1000)], loaded: ["b:latest", "a:latest"], room: 3 })
    assert.deepStrictEqual(chosen([away, waiting("c:latest")], [node("cold"), idle]), [0, "warm"])
  })

  it("gives a server that has failed one request at a time, once it has been left in peace", () => {
    const cooling = (until: number, active: ReadonlyArray<HubNode.Work> = []) =>
      node("s", {
        health: { _tag: "Cooling", kind: "busy", until, reason: "busy", since: 0 },
        maxConcurrent: 4,
        active
      })
    assert.isUndefined(chosen([waiting("a:latest")], [cooling(1)]))
    assert.deepStrictEqual(chosen([waiting("a:latest")], [cooling(0)]), [0, "s"])
    assert.isUndefined(chosen([waiting("a:latest")], [cooling(0, [work("a:latest", 1)])]))
  })
})
