import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Event from "../src/Event.ts"
import * as Run from "../src/Run.ts"

const decoded = (kind: string, json: string) => Effect.runSyncExit(Event.decode("run", kind, json))

describe("an event", () => {
  it.prop("comes back from its text as it was", { event: Event.Event }, ({ event }) => {
    // as JSON: it has no -0
    const plain: unknown = JSON.parse(JSON.stringify(event))
    assert.deepStrictEqual<unknown>(decoded(event._tag, Event.encode(event)), Exit.succeed(plain))
  })

  it.prop("is one line, so that a journal can be a list of lines", { event: Event.Event }, ({ event }) => {
    assert.notInclude(Event.encode(event), "\n")
  })

  it("of a kind that this program does not know was written by a newer one", () => {
    for (const [kind, json] of [
      ["TaskDreamt", { _tag: "TaskDreamt", v: 1, at: 1, task: "a" }],
      ["RunResumed", { _tag: "RunResumed", v: 2, at: 1, owner: "a" }],
      ["RunCancelled", { _tag: "RunCancelled", at: 1 }],
      ["RunResumed", { _tag: "RunResumed", v: 1, at: 1 }],
      ["null", null],
      ["list", []]
    ] as const) {
      const exit = decoded(kind, JSON.stringify(json))
      assert.deepStrictEqual(
        Exit.findErrorOption(exit).pipe((error) => error._tag === "Some" && error.value.kind),
        kind
      )
    }
  })

  it("whose text is cut off is a failure and no defect", () => {
    const exit = decoded("RunCancelled", '{"_tag":"RunCan')
    assert.strictEqual(Exit.isFailure(exit) && Exit.hasDies(exit), false)
    assert.isTrue(Exit.isFailure(exit))
  })

  it("with a field of a later version is read without it", () => {
    const json = JSON.stringify({ _tag: "RunCancelled", v: 1, at: 1, why: "?" })
    assert.deepStrictEqual<unknown>(decoded("RunCancelled", json), Exit.succeed({ _tag: "RunCancelled", v: 1, at: 1 }))
  })

  it("of this version is lifted to itself", () => {
    const event = { _tag: "RunCancelled", v: 1, at: 1 }
    assert.strictEqual(Event.upcast(event), event)
  })

  it.prop("is a post when anybody may write it", { event: Event.Event }, ({ event }) => {
    const posts = ["Cancel", "Pause", "Continued", "Step", "Answered", "Signalled", "BudgetRaised"]
    assert.strictEqual(
      Event.isPost(event._tag),
      posts.some((word) => event._tag.startsWith(word))
    )
  })
})

/** Each field of `expected` is in `actual`; a later version may know more. */
const includes = (actual: unknown, expected: unknown, at: string): void => {
  if (typeof expected !== "object" || expected === null) return assert.strictEqual(actual, expected, at)
  if (typeof actual !== "object" || actual === null) return assert.fail(`nothing at ${at}`)
  if (Array.isArray(expected)) assert.strictEqual(Array.isArray(actual) && actual.length, expected.length, at)
  for (const [key, value] of Object.entries(expected)) includes(Reflect.get(actual, key), value, `${at}.${key}`)
}

const Line = Schema.fromJsonString(Schema.Struct({ run: Schema.String, kind: Schema.String, json: Schema.String }))

describe("a journal of a release", () => {
  const folder = new URL("./fixtures/journals/", import.meta.url)
  const read = (name: string) => readFileSync(new URL(name, folder), "utf8")
  const versions = readdirSync(folder).flatMap((name) => /^(.*)\.ndjson$/.exec(name)?.[1] ?? [])

  for (const version of versions) {
    it.effect(`of ${version} is read and folds to what it did then`, () =>
      Effect.gen(function* () {
        const runs = new Map<string, Run.RunState>()
        for (const line of read(`${version}.ndjson`).trimEnd().split("\n")) {
          const { json, kind, run } = yield* Schema.decodeEffect(Line)(line)
          const state = runs.get(run) ?? Run.empty(run)
          runs.set(run, Run.fold(state, yield* Event.decode(run, kind, json)))
        }
        const folded = Object.fromEntries(
          [...runs].map(([run, state]) => [
            run,
            {
              ...state,
              workflow: state.workflow?.name,
              tasks: Object.fromEntries(state.tasks),
              calls: Object.fromEntries(state.calls)
            }
          ])
        )
        includes(folded, JSON.parse(read(`${version}.expected.json`)), "runs")
      })
    )
  }

  it("has every kind of event that this program writes", () => {
    const lines = versions.flatMap((version) => read(`${version}.ndjson`).trimEnd().split("\n"))
    const kinds = new Set(lines.map((line) => Schema.decodeSync(Line)(line).kind))
    for (const { fields } of Event.Event.members)
      assert.isTrue(kinds.has(fields._tag.schema.literal), fields._tag.schema.literal)
  })
})
