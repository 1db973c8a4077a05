import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BoundedFetch from "../src/BoundedFetch.ts"
import { listening } from "./http.ts"

const said = (fetched: () => Promise<Response>) =>
  Effect.promise(() =>
    fetched()
      .then((response) => response.text())
      .catch((error: Error) => `failed: ${error.message}`)
  )

it.live("sends what is configured to the server's own origin alone, and not in the place of what the client says", () =>
  Effect.gen(function* () {
    const heard: Array<ReadonlyArray<string | undefined>> = []
    const listen = listening(({ headers }, response) => {
      heard.push([headers["x-key"]?.toString(), headers.accept])
      response.end()
    })
    const [own, other] = [yield* listen, yield* listen]
    const headers = { "X-Key": "mine", Accept: "text/html" }
    const fetched = BoundedFetch.make({ url: new URL(own.origin), headers, maxMessage: 100, tooLarge: () => {} })
    const init = { headers: { accept: "application/json" } }
    yield* said(() => fetched(`${own.origin}/mcp`, init))
    yield* said(() => fetched(`${other.origin}/token`, init))
    assert.deepStrictEqual(heard, [
      ["mine", "application/json"],
      [undefined, "application/json"]
    ])
  })
)

it.live("reads a body, and each event of a stream, as far as the limit", () =>
  Effect.gen(function* () {
    const sizes: Array<number> = []
    const event = (size: number) => `data: ${"x".repeat(size - 8)}\n\n`
    const bodies: Record<string, ReadonlyArray<string>> = {
      "/small": ["x".repeat(100)],
      "/large": ["x".repeat(60), "x".repeat(60)],
      "/events": [
        event(90),
        event(50) + event(90).slice(0, 20),
        event(90).slice(20),
        event(100).replaceAll("\n", "\r\n").slice(2)
      ],
      "/event": [event(90), event(120)]
    }
    const { origin } = yield* listening((request, response) => {
      const url = request.url ?? ""
      const isStream = url.startsWith("/event")
      response.writeHead(200, { "content-type": isStream ? "text/event-stream; charset=utf-8" : "application/json" })
      for (const part of bodies[url] ?? []) response.write(part)
      response.end()
    })
    const fetched = BoundedFetch.make({
      url: new URL(origin),
      headers: {},
      maxMessage: 100,
      tooLarge: (size) => void sizes.push(size)
    })
    const read = (path: string) => said(() => fetched(`${origin}${path}`))
    assert.lengthOf(yield* read("/small"), 100)
    assert.lengthOf(yield* read("/events"), (bodies["/events"] ?? []).join("").length)
    assert.deepStrictEqual(sizes, [])
    assert.match(yield* read("/large"), /^failed: /)
    assert.match(yield* read("/event"), /^failed: /)
    assert.lengthOf(sizes, 2)
  })
)

it.live("waits for a silent answer for longer than Node does", () =>
  Effect.gen(function* () {
    const { origin } = yield* listening((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(": silent\n\n")
      setTimeout(() => response.end("data: x\n\n"), 2500)
    })
    yield* impatient
    const fetched = BoundedFetch.make({ url: new URL(origin), headers: {}, maxMessage: 100, tooLarge: () => {} })
    assert.deepStrictEqual(
      yield* Effect.all([said(() => fetch(origin)), said(() => fetched(origin))], { concurrency: 2 }),
      ["failed: terminated", ": silent\n\ndata: x\n\n"]
    )
  })
)

/** Node's limit is a second for as long as the scope lives. */
const impatient = Effect.acquireRelease(
  Effect.sync(() => {
    const key = Symbol.for("undici.globalDispatcher.1")
    const own: object = Reflect.get(globalThis, key)
    Reflect.set(globalThis, key, Reflect.construct(own.constructor, [{ bodyTimeout: 1000 }]))
    return { key, own }
  }),
  ({ key, own }) => Effect.sync(() => Reflect.set(globalThis, key, own))
)
