/** Operations on a store as data, to be made up by a property test, and what a store answers to each. */
import { KeyValues, Leases, Store } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import { event, resting, type Services, summary } from "./StoreSample.ts"

const few = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const status = Schema.Literals(["pending", "running", "waiting", "completed", "failed", "cancelled"])
/** In milliseconds, around what the operations let pass. */
const millis = upTo(300)

const Write = Schema.Struct({
  run: few,
  /** Where the writer thinks the run ends. */
  place: Schema.Literals(["new", "end", "end", "before", "after"]),
  events: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  owner: Schema.optionalKey(few),
  scope: Schema.optionalKey(few),
  blob: Schema.optionalKey(few),
  summary: Schema.optionalKey(
    Schema.Struct({ status, workflow: few, tag: few, created: upTo(5), due: Schema.optionalKey(millis) })
  )
})

export const Operation = Schema.Union([
  Schema.TaggedStruct("Commit", { writes: Schema.NonEmptyArray(Write).check(Schema.isMaxLength(3)) }),
  Schema.TaggedStruct("Post", { run: few }),
  Schema.TaggedStruct("Read", { run: few, after: upTo(8), limit: upTo(4) }),
  Schema.TaggedStruct("List", {
    workflow: few,
    status: Schema.optionalKey(Schema.Array(status).check(Schema.isMaxLength(2))),
    tag: Schema.optionalKey(few),
    since: Schema.optionalKey(upTo(5)),
    due: Schema.optionalKey(millis),
    limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 }))
  }),
  Schema.TaggedStruct("Blob", { run: few, blob: few }),
  Schema.TaggedStruct("Remove", { run: few }),
  Schema.TaggedStruct("Take", { owner: few, scope: few, n: few, ttl: millis }),
  Schema.TaggedStruct("Idle", { scope: few, n: few }),
  Schema.TaggedStruct("Claim", { owner: few, run: few, ttl: millis, force: Schema.Boolean }),
  Schema.TaggedStruct("Beat", { owner: few, ttl: millis }),
  Schema.TaggedStruct("Release", { owner: few, runs: Schema.Array(few).check(Schema.isMaxLength(2)) }),
  Schema.TaggedStruct("Put", {
    key: few,
    value: few,
    ttl: Schema.optionalKey(millis),
    version: Schema.optionalKey(Schema.Literals(["none", "current", "old"]))
  }),
  Schema.TaggedStruct("Get", { key: few }),
  Schema.TaggedStruct("Delete", { key: few }),
  Schema.TaggedStruct("Keys", {}),
  Schema.TaggedStruct("Elapse", { millis })
])
export type Operation = typeof Operation.Type

/**
 * Does one operation and gives its answer, comparable between stores. `salt` keeps its names apart from other tests';
 * `elapse` is the caller's: the clock may be common to the stores that are compared.
 */
export const perform = Effect.fnUntraced(function* (
  operation: Exclude<Operation, { readonly _tag: "Elapse" }>,
  salt: string
): Effect.fn.Return<unknown, unknown, Services> {
  const store = yield* Store.Store
  const leases = yield* Leases.Leases
  const keyValues = yield* KeyValues.KeyValues
  const { key, owner, run, scope, workflow } = names(salt)

  switch (operation._tag) {
    case "Commit": {
      const appends: Array<Store.Append> = []
      for (const write of operation.writes) {
        const last = (yield* store.read(run(write.run), 0, 1000)).length
        const place = { new: 0, end: last, before: Math.max(1, last - 1), after: last + 1 }[write.place]
        appends.push(toAppend(write, place, names(salt)))
      }
      const [first, ...rest] = appends
      return first === undefined ? [] : [...(yield* store.commit([first, ...rest]))].toSorted()
    }
    case "Post":
      return yield* store.post(run(operation.run), event("Posted"))
    case "Read":
      return yield* store.read(run(operation.run), operation.after, operation.limit)
    case "List": {
      const { _tag, tag, workflow: n, ...rest } = operation
      const query = { ...rest, workflow: workflow(n), ...(tag === undefined ? {} : { tag: `tag${tag}` }) }
      const pages: Array<ReadonlyArray<Store.RunSummary>> = []
      for (let cursor: string | undefined; ;) {
        const page = yield* store.list(cursor === undefined ? query : { ...query, cursor })
        pages.push(page.items)
        if (page.next === undefined) return pages
        cursor = page.next
      }
    }
    case "Blob":
      return yield* store.blob(run(operation.run), String(operation.blob))
    case "Remove":
      return yield* store.remove(run(operation.run))
    case "Take":
      return yield* leases.take(owner(operation.owner), scope(operation.scope), operation.n, operation.ttl)
    case "Idle":
      return yield* leases.idle(scope(operation.scope), operation.n)
    case "Claim":
      return yield* leases.claim(run(operation.run), owner(operation.owner), operation)
    case "Beat":
      return (yield* leases.beat(owner(operation.owner), operation.ttl)).toSorted()
    case "Release":
      return yield* leases.release(operation.runs.map(run), owner(operation.owner))
    case "Put": {
      const current = (yield* keyValues.get(key(operation.key)))?.version ?? 0
      const version = { none: 0, current, old: current - 1 }[operation.version ?? "none"]
      const won = yield* keyValues.put(key(operation.key), operation.value, {
        ...(operation.ttl === undefined ? {} : { ttl: operation.ttl }),
        ...(operation.version === undefined ? {} : { version })
      })
      return won === undefined ? "lost" : won > current ? "won" : "went back"
    }
    case "Get":
      return (yield* keyValues.get(key(operation.key)))?.value
    case "Delete":
      return yield* keyValues.remove(key(operation.key))
    case "Keys":
      return (yield* keyValues.list(`${salt}/`)).items.map(({ key, value }) => [key, value])
  }
})

// internal

type Names = { readonly [K in "key" | "owner" | "run" | "scope" | "workflow"]: (n: number) => string }

const names = (salt: string): Names => ({
  key: (n) => `${salt}/${n}`,
  owner: (n) => `owner${n}-${salt}`,
  run: (n) => `run${n}-${salt}`,
  scope: (n) => `scope${n}-${salt}`,
  workflow: (n) => `workflow${n}-${salt}`
})

const toAppend = (write: typeof Write.Type, after: number, names: Names): Store.Append => {
  const run = names.run(write.run)
  const [first, ...rest] = Array.from({ length: write.events }, (_, n) => event(`E${n}`, JSON.stringify({ after, n })))
  return {
    run,
    after,
    events: [first ?? event("E"), ...rest],
    ...(write.owner === undefined ? {} : { owner: names.owner(write.owner) }),
    ...(write.scope === undefined ? {} : { scope: names.scope(write.scope) }),
    ...(write.blob === undefined ? {} : { blobs: [{ hash: String(write.blob), bytes: new Uint8Array([write.blob]) }] }),
    ...(after > 0 && write.summary === undefined ? {} : { summary: toSummary(run, write.summary, names.workflow) })
  }
}

const toSummary = (
  run: string,
  given: (typeof Write.Type)["summary"],
  workflow: Names["workflow"]
): Store.RunSummary => {
  if (given === undefined) return summary(run, { workflow: workflow(0) })
  const { created, due, status, tag, workflow: n } = given
  const facts = { status, workflow: workflow(n), created_at: created, tags: [`tag${tag}`] }
  return due === undefined ? resting(run, facts) : summary(run, { ...facts, due })
}
