import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import type { Tool } from "../src/Connection.ts"
import * as Lock from "../src/Lock.ts"
import type { McpServers, Offered } from "../src/McpServers.ts"

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  name,
  description: `The tool ${name}`,
  input: { type: "object", properties: { path: { type: "string" } } },
  readOnly: true,
  destructive: false,
  idempotent: false,
  ...more
})
const offered = (server: string, name: string, more?: Partial<Tool>): Offered => ({
  name: `${server}.${name}`,
  server,
  tool: tool(name, more)
})

/** What a lock is made from: it asks for nothing else. */
const hub = (...tools: ReadonlyArray<Offered>): McpServers => ({
  tools: Effect.succeed(tools),
  servers: ["files", "notes", "away"].map((name) => ({ name, reason: "" })),
  connection: () => Effect.die("nobody calls"),
  states: Effect.succeed([]),
  changes: Stream.empty
})

const files = [offered("files", "read", { output: { type: "object" } }), offered("files", "write", { title: "Write" })]
const notes = offered("notes", "add")
const lockOf = (...tools: ReadonlyArray<Offered>) => Effect.runSync(Lock.of(hub(...tools)))
const readBack = (text: string) => Lock.read(text, "gleitzeit.lock")

describe("a lock file", () => {
  it("is the same text, whatever order the tools come in", () => {
    const text = Lock.write(lockOf(...files, notes))
    assert.strictEqual(Lock.write(lockOf(notes, ...files.toReversed())), text)
    assert.isTrue(text.endsWith("}\n"))
  })

  it("is read as it was written", () => {
    const lock = lockOf(...files, notes)
    const read = Result.getOrThrow(readBack(Lock.write(lock)))
    assert.deepStrictEqual(read, lock)
    assert.deepStrictEqual(Lock.offered(read, "files"), files)
    assert.isUndefined(Lock.offered(read, "constructor"))
  })

  it("is refused when it is none, or was changed by hand", () => {
    const text = Lock.write(lockOf(notes))
    for (const other of ["", "{", "[]", text.replace(`"version": 1`, `"version": 2`)]) {
      assert.include(Result.getOrThrow(Result.flip(readBack(other))).message, "gleitzeit.lock: it is no lock file")
    }
    const changed = Result.getOrThrow(Result.flip(readBack(text.replace("The tool add", "Pays"))))
    assert.include(changed.message, 'the tool notes.add of "notes" is not what was locked')
  })

  it("knows a server that is there and has no tools", () => {
    const states = Effect.succeed([{ name: "notes", status: "ready", transport: "stdio", restarts: 0 } as const])
    const lock = Effect.runSync(Lock.of({ ...hub(...files), states }))
    assert.deepStrictEqual([Lock.offered(lock, "notes"), Lock.offered(lock, "away")], [[], undefined])
  })

  it("keeps what it knew of a server that cannot be asked", () => {
    const former = lockOf(...files, notes)
    const next = Effect.runSync(Lock.of(hub(notes), former))
    assert.deepStrictEqual(next, former)
    assert.deepStrictEqual(Object.keys(lockOf(notes).servers), ["notes"])
  })
})

describe("drift", () => {
  const lock = lockOf(...files, notes)
  const messages = (...present: ReadonlyArray<Offered>) => Lock.drift(lock, present).map(({ message }) => message)

  it("is none where nothing has changed", () => {
    assert.deepStrictEqual(messages(notes, ...files), [])
  })

  it("names the tool that is gone, and the one that is there", () => {
    assert.deepStrictEqual(messages(notes, files[0] ?? notes, offered("files", "move")), [
      '"files" has no tool files.write any more',
      'the tool files.move of "files" is not locked'
    ])
  })

  it("names what of a tool has changed", () => {
    const input = { type: "object", properties: { file: { type: "string" } } }
    const [drift] = Lock.drift(lock, [...files, offered("notes", "add", { input, description: "x", readOnly: false })])
    assert.deepStrictEqual(drift, {
      server: "notes",
      tool: "notes.add",
      change: "changed",
      parts: ["description", "params", "hints"],
      message:
        'the tool notes.add of "notes" is another than was locked: its description, its params ("path" is gone, "file" is there), its hints'
    })
  })

  it("of a server that cannot be asked is not known", () => {
    const drift = Lock.drift(lock, files, new Map([["notes", "it went away"]]))
    assert.deepStrictEqual(
      drift.map(({ change, message }) => [change, message]),
      [["unavailable", '"notes" cannot be asked: it went away']]
    )
  })
})
