import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import { type Place, place, type Said } from "./command.ts"

const live = (name: string, test: (place: Place) => Effect.Effect<void, unknown>, env: Record<string, string> = {}) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(place(env), test)))

const json = ({ stdout }: Said) => JSON.parse(stdout)

/** A provider in as many lines as it takes; asks for a key where one is given. */
const program = `
  const method = { name: "rates/convert", params: [{ name: "amount", schema: { type: "number" } }] }
  const document = { openrpc: "1.3.2", info: { title: "rates", version: "1" }, methods: [method] }
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params } = JSON.parse(line)
    const result = method === "rpc.discover" ? document : { twice: params.amount * 2, key: process.env.RATES_KEY }
    console.log(JSON.stringify({ jsonrpc: "2.0", id, result }))
  })`

const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      if (request.headers.authorization !== "Bearer k3y") return void response.writeHead(401).end("who are you?")
      let body = ""
      request.on("data", (text) => (body += String(text)))
      request.on("end", () => {
        const { id, method } = JSON.parse(body)
        const document = { openrpc: "1.3.2", info: { title: "r", version: "1" }, methods: [{ name: "rates/now" }] }
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: method === "rpc.discover" ? document : 7 }))
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/rpc`, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("gleitzeit providers add", () => {
  live("keeps nothing in a store that ends with it", ({ gz }) =>
    Effect.gen(function* () {
      const added = yield* gz("providers", "add", "rates", "--store", "memory:", "--", process.execPath, "-e", program)
      assert.strictEqual(added.exit, 2)
      assert.include(added.stderr, "a store in memory ends with this command")
      const wrong = yield* gz("providers", "add", "rates", "--url", "not a url")
      assert.deepStrictEqual([wrong.exit, wrong.stdout], [2, ""])
    })
  )

  live(
    "registers a program, which gets the variables that it was promised and keeps none of them",
    ({ gz }) =>
      Effect.gen(function* () {
        const added = yield* gz(
          "providers",
          "add",
          "rates",
          "--env",
          "RATES_KEY",
          "--",
          process.execPath,
          "-e",
          program
        )
        assert.deepStrictEqual([added.exit, added.stdout, added.stderr], [0, "", "added rates: rates/convert\n"])
        const called = yield* gz("call", "rates/convert", "amount=21", "--json")
        const [task] = Object.values<{ result: unknown; provider: string }>(json(called).tasks)
        assert.deepStrictEqual([task?.result, task?.provider], [{ twice: 42, key: "k3y" }, "rates"])
        const again = json(yield* gz("providers", "add", "rates", "--json", "--", process.execPath, "-e", program))
        assert.deepInclude(again.added, { name: "rates", cwd: process.cwd(), methods: ["rates/convert"] })
        const removed = yield* gz("providers", "remove", "rates", "--json")
        assert.deepStrictEqual([removed.exit, json(removed)], [0, { removed: "rates" }])
        assert.strictEqual((yield* gz("call", "rates/convert", "amount=21")).exit, 2)
        const gone = yield* gz("providers", "remove", "rates")
        assert.strictEqual(gone.exit, 4)
        assert.include(gone.stderr, `no provider "rates" is registered (registered: none)`)
      }),
    { RATES_KEY: "k3y" }
  )

  live(
    "registers a server, whose headers are read where it is called",
    ({ gz }) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* server
          const refused = yield* gz("providers", "add", "rates", "--url", url)
          assert.strictEqual(refused.exit, 5)
          assert.include(refused.stderr, `answers 401 with "who are you?"`)
          const added = yield* gz("providers", "add", "rates", "--url", url, "--header", "authorization=RATES_KEY")
          assert.deepStrictEqual([added.exit, added.stderr], [0, "added rates: rates/now\n"])
          const called = yield* gz("call", "rates/now")
          assert.deepStrictEqual([called.exit, called.stdout], [0, "7\n"])
        })
      ),
    { RATES_KEY: "Bearer k3y" }
  )

  live("refuses what cannot be kept or asked, and keeps nothing of it", ({ gz }) =>
    Effect.gen(function* () {
      const url = "http://127.0.0.1:9/rpc"
      for (const [args, exit, message] of [
        [["rates"], 2, "expected --url URL or -- COMMAND ARGS…"],
        [["rates", "--url", url, "--", "x"], 2, "and not both"],
        [["rates", "--url", url, "--env", "A"], 2, "--header goes with --url"],
        [["rates", "--url", url, "--header", "a=Bearer s3cret"], 2, "the name of an environment variable"],
        [["rates", "--url", url, "--header", "a"], 2, "expected NAME=VARIABLE"],
        [["rates", "--url", url], 5, "nothing listens on"],
        [["python", "--url", url], 2, "on duty already"],
        [["Rates", "--url", url, "--no-check"], 2, "small letters"],
        [["rates", "--", "gleitzeit-no-such-program"], 5, "cannot be started"]
      ] as const) {
        const said = yield* gz("providers", "add", ...args)
        assert.strictEqual(said.exit, exit, said.stderr)
        assert.include(said.stderr, message)
        assert.notInclude(said.stderr, "s3cret")
      }
      const unchecked = yield* gz("providers", "add", "rates", "--url", url, "--no-check")
      assert.deepStrictEqual([unchecked.exit, unchecked.stderr], [0, "added rates\n"])
      const said = yield* gz("providers", "remove", "other")
      assert.include(said.stderr, "(registered: rates)")
    })
  )
})
