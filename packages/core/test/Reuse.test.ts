/** A fork takes over what has not changed: by what was called with what, not by where it stood. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Executor from "../src/Executor.ts"
import * as Files from "../src/Files.ts"
import { Gleitzeit, layer as layerGleitzeit } from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import { contentHash } from "../src/Reuse.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Workflow } from "../src/Workflow.ts"
import { engine as scripted, type Script, told, workflow } from "./harness.ts"

const ReadV1 = Protocol.make("read/v1", {
  description: "Gives what it is given",
  methods: {
    "read/value": Method.make({
      description: "Gives its value",
      effects: "writes",
      params: Schema.Struct({ value: Schema.optionalKey(Schema.Json), token: Schema.optionalKey(Schema.String) }),
      result: Schema.Json
    }),
    "read/file": Method.make({
      description: "Gives the name of its file",
      effects: "reads",
      params: Schema.Struct({ path: Protocol.file, note: Schema.optionalKey(Schema.String) }),
      result: Schema.Json
    })
  }
})

const make = (secrets: { readonly [name: string]: string } = {}) => {
  const calls: Array<Schema.Json> = []
  const provider = Provider.layer(
    ReadV1,
    Effect.succeed({
      name: "read",
      handlers: {
        "read/value": ({ token, value = null }) =>
          Effect.sync(() => (calls.push(value), token === undefined ? value : [value, token.length])),
        "read/file": ({ path }) => Effect.sync(() => (calls.push(path.slice(path.lastIndexOf("/") + 1)), calls.length))
      }
    })
  )
  const engine = layerGleitzeit({}).pipe(
    Layer.provideMerge(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(secrets)),
    Layer.provide(provider),
    Layer.provideMerge(Providers.layer),
    Layer.provideMerge(MemoryStore.layer)
  )
  return { calls, engine }
}

/** A fork of a run, at its end; with what was called, in no order, and what was taken over. */
const forked = (calls: Array<Schema.Json>, run: string, options: Parameters<Gleitzeit["Service"]["fork"]>[1] = {}) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit
    calls.length = 0
    const id = yield* gleitzeit.fork(run, options)
    const report = yield* told(gleitzeit.wait(id))
    const reused = Object.entries(report.tasks).flatMap(([path, { reused }]) => (reused ? [path] : []))
    return { ...report, called: calls.map((call) => JSON.stringify(call)).toSorted(), reused }
  })

const value = (id: string, json: string, more = "") =>
  `  - { id: ${id}, method: read/value, params: { value: ${json} }${more} }`
const document = (...tasks: ReadonlyArray<string>): Workflow => workflow(`name: f\ntasks:\n${tasks.join("\n")}`)

describe("a content hash", () => {
  const hash = contentHash("m/x", { a: 1, b: [1] }, ["file"])

  it("does not see the order of fields, nor where code stands in its file", () => {
    assert.strictEqual(contentHash("m/x", { b: [1], a: 1 }, ["file"]), hash)
    const code = (line: number): Schema.Json => ({
      code: { source: "x", segments: ["x"], values: {}, origin: { file: "f", line } }
    })
    assert.strictEqual(contentHash("m/x", code(1), []), contentHash("m/x", code(2), []))
  })

  it("sees method, params and files", () => {
    for (const other of [
      contentHash("m/y", { a: 1, b: [1] }, ["file"]),
      contentHash("m/x", { a: "1", b: [1] }, ["file"]),
      contentHash("m/x", { a: 1, b: [1], c: null }, ["file"]),
      contentHash("m/x", { a: 1, b: [1] }, ["other"]),
      contentHash("m/x", { a: 1, b: [1] }, [])
    ]) {
      assert.notStrictEqual(other, hash)
    }
  })

  it("sees an `origin` that is data", () => {
    assert.notStrictEqual(
      contentHash("m/x", { value: { origin: 1 } }, []),
      contentHash("m/x", { value: { origin: 2 } }, [])
    )
  })
})

describe("a fork", () => {
  it.effect(
    "of the same workflow calls nothing, and of an edited one only what has changed and what that changes",
    () => {
      const { calls, engine } = make()
      return Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit
        const chain = (a: string) =>
          document(value("a", a), value("b", '"${a}"'), value("c", '["${b}"]'), value("d", "9"))
        const first = yield* gleitzeit.run(chain("1"))
        const same = yield* forked(calls, first.run)
        assert.deepStrictEqual([same.called, same.reused], [[], ["a", "b", "c", "d"]])
        const edited = yield* forked(calls, first.run, { workflow: chain("2") })
        assert.deepStrictEqual([edited.called, edited.reused], [["2", "2", "[2]"], ["d"]])
      }).pipe(Effect.provide(engine))
    }
  )

  it.effect("finds items by what they are, each result once, wherever they have gone", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const fan = (list: string) => document(value("w", '"${item}"', `, foreach: ${list}`))
      const { run } = yield* gleitzeit.run(fan("[1, 2, 2, 3]"))
      const moved = yield* forked(calls, run, { workflow: fan("[3, 2, 4, 2, 2]") })
      assert.deepStrictEqual(
        [moved.called, moved.reused],
        [
          ["2", "4"],
          ["w[0]", "w[1]", "w[3]"]
        ]
      )
      assert.deepStrictEqual(moved.tasks["w"]?.result, [3, 2, 4, 2, 2])
      const alone = yield* forked(calls, run, { workflow: document(value("other", "3")) })
      assert.deepStrictEqual([alone.called, alone.reused], [[], ["other"]])
    }).pipe(Effect.provide(engine))
  })

  it.effect("takes over what lies in nested workflows and loops, of items too", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const nested = (list: string, until: number) =>
        workflow(`
name: nested
tasks:
  - id: sub
    foreach: ${list}
    inputs: { v: "\${item}" }
    workflow:
      inputs: { v: {} }
      tasks:
        - { id: a, method: read/value, params: { value: ["a", "\${inputs.v}"] } }
        - id: l
          method: read/value
          params: { value: ["\${a[1]}", "\${iteration}", "\${previous}"] }
          repeat: { until: iteration == ${until}, max: 9 }
      outputs: { l: "\${l}" }
outputs: { l: "\${sub.l}" }
`)
      const first = yield* gleitzeit.run(nested("[1, 2]", 2))
      const same = yield* forked(calls, first.run)
      assert.deepStrictEqual([same.called, same.outputs], [[], first.outputs])
      const more = yield* forked(calls, first.run, { workflow: nested("[2, 3]", 3) })
      assert.strictEqual(more.status, "completed")
      assert.deepStrictEqual(more.called, [
        '["a",3]',
        "[2,3,[2,2,[2,1,null]]]",
        "[3,1,null]",
        "[3,2,[3,1,null]]",
        "[3,3,[3,2,[3,1,null]]]"
      ])
      assert.deepStrictEqual(more.reused, ["sub[0]/a", "sub[0]/l~1", "sub[0]/l~2"])
    }).pipe(Effect.provide(engine))
  })

  it.effect("from a task calls it and what follows again, whatever their hashes say", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const chain = document(
        value("a", "1"),
        value("b", '"${a}"'),
        value("c", "7", ", dependencies: [b]"),
        value("d", "9")
      )
      const { run } = yield* gleitzeit.run(chain)
      const from = yield* forked(calls, run, { from: "b" })
      assert.deepStrictEqual(
        [from.called, from.reused],
        [
          ["1", "7"],
          ["a", "d"]
        ]
      )
      const unknown = yield* Effect.flip(gleitzeit.fork(run, { from: "bb" }))
      assert.strictEqual("name" in unknown ? unknown.name : "", "TASK_NOT_FOUND")
    }).pipe(Effect.provide(engine))
  })

  it.effect("of a fork takes over what that had taken over, and what it had called", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const two = (b: number) => document(value("a", "1"), value("b", String(b)))
      const first = yield* gleitzeit.run(two(2))
      const second = yield* forked(calls, first.run, { workflow: two(3) })
      assert.deepStrictEqual(second.called, ["3"])
      // where its results came from is gone: they are its own
      yield* gleitzeit.remove(first.run)
      const third = yield* forked(calls, second.run)
      assert.deepStrictEqual([third.called, third.reused], [[], ["a", "b"]])
    }).pipe(Effect.provide(engine))
  })

  it.effect("of a run that was removed is refused; one that was to go on without it calls for itself", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(document(value("a", "1")))
      calls.length = 0
      const detached = yield* gleitzeit.fork(run, { detached: true })
      yield* gleitzeit.remove(run)
      const gone = yield* Effect.flip(gleitzeit.fork(run))
      assert.strictEqual("name" in gone ? gone.name : "", "WORKFLOW_NOT_FOUND")
      yield* gleitzeit.resume(detached)
      assert.strictEqual((yield* gleitzeit.wait(detached)).status, "completed")
      assert.deepStrictEqual(calls, [1])
    }).pipe(Effect.provide(engine))
  })

  it.effect("taken up by another process takes over as much", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(document(value("a", "1"), value("b", '"${a}"'), value("c", "3")))
      calls.length = 0
      const detached = yield* gleitzeit.fork(run, { detached: true, from: "b" })
      yield* gleitzeit.resume(detached)
      const report = yield* told(gleitzeit.wait(detached))
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(calls, [1])
      assert.deepStrictEqual([report.tasks["a"]?.reused, report.tasks["b"]?.reused], [true, false])
    }).pipe(Effect.provide(engine))
  })

  it.effect("takes over nothing that failed, and says where in the other run a result was", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const failing = document(value("a", "1"), "  - { id: bad, method: read/file, params: { path: /nowhere/x } }")
      const first = yield* gleitzeit.run(failing)
      assert.strictEqual(first.status, "failed")
      const again = yield* forked(calls, first.run, { workflow: document(value("renamed", "1"), value("other", "2")) })
      assert.deepStrictEqual([again.status, again.called], ["completed", ["2"]])
      const events = yield* Stream.runCollect(gleitzeit.events(again.run))
      assert.deepStrictEqual(
        events.flatMap(({ event }) =>
          event._tag === "TaskCompleted" && event.reused !== undefined ? [[event.task, event.reused]] : []
        ),
        [["renamed", "a"]]
      )
    }).pipe(Effect.provide(engine))
  })

  it.effect("is given the inputs of the run it comes from, and those that it is given in their place", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const given = workflow(
        "{ name: i, inputs: { a: {}, b: {} }, tasks: [{ id: a, method: read/value, params: { value: '${inputs.a}' } }, { id: b, method: read/value, params: { value: '${inputs.b}' } }] }"
      )
      const { run } = yield* gleitzeit.run(given, { inputs: { a: 1, b: 2 } })
      const other = yield* forked(calls, run, { inputs: { b: 3 } })
      assert.deepStrictEqual([other.called, other.reused], [["3"], ["a"]])
    }).pipe(Effect.provide(engine))
  })
})

describe("a secret", () => {
  const secret = (name: string) =>
    workflow(
      `{ name: s, secrets: [ONE, TWO], tasks: [{ id: a, method: read/value, params: { value: 1, token: "\${secrets.${name}}" } }] }`
    )

  it.effect("counts by its name, whatever its value", () => {
    const { calls, engine } = make({ ONE: "same-value", TWO: "same-value" })
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(secret("ONE"))
      assert.deepStrictEqual((yield* forked(calls, run)).called, [])
      assert.deepStrictEqual((yield* forked(calls, run, { workflow: secret("TWO") })).called, ["1"])
    }).pipe(Effect.provide(engine))
  })
})

describe("a file", () => {
  const folder = Effect.acquireRelease(
    Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "gleitzeit-reuse-")))),
    (base) => Effect.sync(() => rmSync(base, { recursive: true }))
  )

  it.effect("counts by what is in it: changed, its task is called again", () => {
    const { calls, engine } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const base = yield* folder
      const write = (name: string, text: string) => Effect.sync(() => writeFileSync(join(base, name), text))
      yield* write("a.txt", "one")
      yield* write("b.txt", "two")
      const files = workflow(
        "{ name: files, tasks: [{ id: w, method: read/file, foreach: [a.txt, b.txt], params: { path: '${item}' } }] }"
      )
      const { run, status } = yield* gleitzeit.run(files, { folder: base })
      assert.strictEqual(status, "completed")
      assert.deepStrictEqual((yield* forked(calls, run)).called, [])
      yield* write("b.txt", "three")
      const changed = yield* forked(calls, run)
      assert.deepStrictEqual([changed.called, changed.reused], [['"b.txt"'], ["w[0]"]])
    }).pipe(Effect.provide(engine))
  })
})

describe("an edited workflow", () => {
  const chain = (b: string) => `
name: f
tasks:
  - { id: a, method: test/run, params: { script: note, value: one } }
  - { id: b, method: test/run, params: { script: note, value: "${b}" }, dependencies: [a] }
  - { id: w, method: test/run, foreach: [x, y], params: { script: note, value: "\${item}" } }
outputs: { b: "\${b}", w: "\${w}" }
`
  it.effect("uses again what is the same, whatever its name and place", () => {
    const calls: Array<string> = []
    const note: Script = (value) => Effect.sync(() => (calls.push(String(value)), value ?? null))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const first = yield* gleitzeit.run(workflow(chain("two")))
      calls.length = 0
      const fork = yield* gleitzeit.fork(first.run, {
        workflow: workflow(chain("three").replace("[x, y]", "[y, z, x]"))
      })
      assert.deepStrictEqual((yield* gleitzeit.wait(fork)).outputs, { b: "three", w: ["y", "z", "x"] })
      assert.deepStrictEqual(calls.toSorted(), ["three", "z"])
      const { tasks } = yield* gleitzeit.get(fork)
      assert.deepStrictEqual(
        Object.entries(tasks).flatMap(([id, { reused }]) => (reused ? [id] : [])),
        ["a", "w[0]", "w[2]"]
      )
      calls.length = 0
      const from = yield* gleitzeit.fork(first.run, { from: "a" })
      yield* gleitzeit.wait(from)
      assert.deepStrictEqual(calls, ["one", "two"])
    }).pipe(Effect.provide(scripted({ note })))
  })
})
