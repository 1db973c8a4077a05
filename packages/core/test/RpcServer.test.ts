import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import type { Contract } from "../src/Contract.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as RpcServer from "../src/RpcServer.ts"
import { TaskContext } from "../src/TaskContext.ts"

const contract = (method: string, params: Contract["params"]): Contract => ({
  protocol: "x/v1",
  method,
  description: "",
  effects: "reads",
  params,
  result: {}
})
const number = { type: "number" }
const numbers = { type: "array", items: number }
const sum = (values: Schema.Json) =>
  Array.isArray(values) ? values.reduce((total: number, value) => total + Number(value), 0) : 0
const field = (params: Schema.Json, name: string): unknown =>
  typeof params === "object" && params !== null ? Reflect.get(params, name) : undefined

/** The server that the examples of the specification talk to. */
const noted: Array<Schema.Json> = []
const note = (params: Schema.Json) =>
  Effect.sync(() => {
    noted.push(params)
    return null
  })
const service = RpcServer.handlers([
  {
    contract: contract("subtract", {
      type: "object",
      properties: { minuend: number, subtrahend: number },
      required: ["minuend", "subtrahend"],
      additionalProperties: false
    }),
    call: (params) => Effect.succeed(Number(field(params, "minuend")) - Number(field(params, "subtrahend")))
  },
  { contract: contract("sum", numbers), call: (params) => Effect.succeed(sum(params)) },
  { contract: contract("update", numbers), call: note },
  { contract: contract("notify_hello", numbers), call: note },
  { contract: contract("notify_sum", numbers), call: note },
  { contract: contract("get_data", { type: "object" }), call: () => Effect.succeed(["hello", 5]) }
])
const answer = RpcServer.make(service)
const asked = (text: string, serve: RpcServer.Answer = answer) =>
  Effect.map(serve(text), (text) => (text === undefined ? undefined : JSON.parse(text)))

const invalid = { jsonrpc: "2.0", error: { code: -32600, message: "Invalid Request" }, id: null }
const garbled = { jsonrpc: "2.0", error: { code: -32700, message: "Parse error" }, id: null }

/** Section 7 of the specification, in its order and by its titles. */
const examples: ReadonlyArray<readonly [title: string, request: string, response: unknown]> = [
  [
    "rpc call with positional parameters",
    `{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}`,
    { jsonrpc: "2.0", result: 19, id: 1 }
  ],
  [
    "rpc call with positional parameters, the other way round",
    `{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}`,
    { jsonrpc: "2.0", result: -19, id: 2 }
  ],
  [
    "rpc call with named parameters",
    `{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}`,
    { jsonrpc: "2.0", result: 19, id: 3 }
  ],
  [
    "rpc call with named parameters in another order",
    `{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}`,
    { jsonrpc: "2.0", result: 19, id: 4 }
  ],
  ["a Notification", `{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}`, undefined],
  ["a Notification of what is not there", `{"jsonrpc": "2.0", "method": "foobar"}`, undefined],
  [
    "rpc call of non-existent method",
    `{"jsonrpc": "2.0", "method": "foobar", "id": "1"}`,
    { jsonrpc: "2.0", error: { code: -32601, message: "Method not found" }, id: "1" }
  ],
  ["rpc call with invalid JSON", `{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, garbled],
  ["rpc call with invalid Request object", `{"jsonrpc": "2.0", "method": 1, "params": "bar"}`, invalid],
  [
    "rpc call Batch, invalid JSON",
    `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]`,
    garbled
  ],
  ["rpc call with an empty Array", "[]", invalid],
  ["rpc call with an invalid Batch (but not empty)", "[1]", [invalid]],
  ["rpc call with invalid Batch", "[1,2,3]", [invalid, invalid, invalid]],
  [
    "rpc call Batch",
    `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    [
      { jsonrpc: "2.0", result: 7, id: "1" },
      { jsonrpc: "2.0", result: 19, id: "2" },
      invalid,
      { jsonrpc: "2.0", error: { code: -32601, message: "Method not found" }, id: "5" },
      { jsonrpc: "2.0", result: ["hello", 5], id: "9" }
    ]
  ],
  [
    "rpc call Batch (all notifications)",
    `[
      {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
    undefined
  ]
]

describe("the specification's example", () => {
  for (const [title, request, response] of examples) {
    it.effect(title, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* asked(request), response)
      })
    )
  }

  it.effect("of a notification is carried out, and nobody hears of what is wrong with one", () =>
    Effect.gen(function* () {
      noted.length = 0
      yield* asked(
        `[{"jsonrpc":"2.0","method":"notify_hello","params":[7]},{"jsonrpc":"2.0","method":"update","params":[8]}]`
      )
      assert.deepStrictEqual(noted, [[7], [8]])
      assert.isUndefined(yield* asked(`{"jsonrpc":"2.0","method":"subtract","params":{"minuend":"x"}}`))
    })
  )
})

describe("a request", () => {
  const error = (text: string, serve?: RpcServer.Answer) => Effect.map(asked(text, serve), ({ error }) => error)

  it.effect("has params that the method's schema allows", () =>
    Effect.gen(function* () {
      const missing = yield* error(`{"jsonrpc":"2.0","method":"subtract","params":[42],"id":1}`)
      assert.strictEqual(missing.code, -32602)
      assert.match(missing.message, /missing "subtrahend"/)
      assert.deepStrictEqual(missing.data, { name: "INVALID_PARAMS", retryable: false })
      const many = yield* error(`{"jsonrpc":"2.0","method":"subtract","params":[1,2,3],"id":1}`)
      assert.match(many.message, /3 params by position, expected 2 at most: minuend, subtrahend/)
    })
  )

  it.effect("that is invalid is answered under its id where it has one", () =>
    Effect.gen(function* () {
      for (const [text, id] of [
        [`{"jsonrpc":"1.0","method":"sum","id":7}`, 7],
        [`{"jsonrpc":"2.0","method":"sum","params":3,"id":"a"}`, "a"],
        [`{"jsonrpc":"2.0","method":"sum","id":{}}`, null],
        [`{"jsonrpc":"2.0","method":"sum","id":true}`, null],
        [`{"jsonrpc":"2.0","id":null}`, null]
      ] as const) {
        assert.deepStrictEqual(yield* asked(text), { ...invalid, id }, text)
      }
    })
  )

  it.effect("with the id null is no notification", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* asked(`{"jsonrpc":"2.0","method":"get_data","id":null}`), {
        jsonrpc: "2.0",
        result: ["hello", 5],
        id: null
      })
    })
  )

  it.effect("of a method that begins with rpc. finds none but rpc.discover", () =>
    Effect.gen(function* () {
      const own = RpcServer.make(
        RpcServer.handlers([{ contract: contract("rpc.mine", {}), call: () => Effect.succeed(1) }])
      )
      assert.strictEqual((yield* error(`{"jsonrpc":"2.0","method":"rpc.mine","id":1}`, own)).code, -32601)
    })
  )

  it.effect("that fails is answered with the failure's facts, a defect with an internal error", () =>
    Effect.gen(function* () {
      const failing = RpcServer.make(
        RpcServer.handlers([
          {
            contract: contract("x/busy", {}),
            call: () =>
              Effect.fail({
                code: -30007,
                name: "PROVIDER_OVERLOADED",
                message: "busy",
                retryable: true,
                retryAfter: 50,
                data: { queue: 3 }
              })
          },
          { contract: contract("x/broken", {}), call: () => Effect.die(new Error("oh")) },
          // Safe: what a handler of plain JavaScript may do.
          { contract: contract("x/nothing", {}), call: () => Effect.void as unknown as Effect.Effect<null> }
        ])
      )
      assert.deepStrictEqual(yield* error(`{"jsonrpc":"2.0","method":"x/busy","id":1}`, failing), {
        code: -30007,
        message: "busy",
        data: { name: "PROVIDER_OVERLOADED", retryable: true, retryAfter: 50, data: { queue: 3 } }
      })
      assert.strictEqual((yield* error(`{"jsonrpc":"2.0","method":"x/broken","id":1}`, failing)).code, -32603)
      assert.deepStrictEqual(yield* asked(`{"jsonrpc":"2.0","method":"x/nothing","id":1}`, failing), {
        jsonrpc: "2.0",
        result: null,
        id: 1
      })
    })
  )

  it.effect("nested deeper than can be written is a parse error, not the end of the server", () =>
    Effect.gen(function* () {
      const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
      assert.deepStrictEqual(yield* asked(deep), garbled)
    })
  )
})

const TideV1 = Protocol.make("tide/v1", {
  description: "Tides by port",
  methods: {
    "tide/next": Method.make({
      description: "The next high waters at a port",
      effects: "reads",
      params: Schema.Struct({ port: Schema.NonEmptyString, count: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ times: Schema.Array(Schema.String) }),
      examples: [{ params: { port: "Husum" }, result: { times: ["15:41"] } }]
    })
  }
})
const tides = (name: string) =>
  Provider.make(TideV1, {
    name,
    handlers: {
      "tide/next": Effect.fnUntraced(function* ({ count = 1, port }) {
        const task = yield* TaskContext
        yield* task.emit({ _tag: "Text", text: port })
        yield* task.usage({ calls: 1 })
        return { times: Array.from({ length: count }, () => `${task.task} ${task.attempt} ${task.idempotencyKey}`) }
      })
    }
  })

describe("providers", () => {
  it.effect("on duty are served, each as long as it is", () =>
    Effect.gen(function* () {
      const serve = RpcServer.make(yield* RpcServer.ofProviders)
      const request = `{"jsonrpc":"2.0","method":"tide/next","params":["Husum",2],"id":1}`
      assert.strictEqual((yield* asked(request, serve)).error.code, -32601)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* (yield* Providers.Providers).register(yield* tides("tables"))
          yield* (yield* Providers.Providers).register(yield* tides("others"))
          assert.lengthOf((yield* asked(request, serve)).result.times, 2)
          const { result } = yield* asked(`{"jsonrpc":"2.0","method":"rpc.discover","id":1}`, serve)
          assert.lengthOf(result.methods, 1)
          const wrong = yield* asked(`{"jsonrpc":"2.0","method":"tide/next","params":{"prot":"x"},"id":1}`, serve)
          assert.strictEqual(wrong.error.code, -32602)
        })
      )
      assert.strictEqual((yield* asked(request, serve)).error.code, -32601)
    }).pipe(Effect.provide(Providers.layer))
  )

  it.effect("get the context, and tell of chunks and usage, where there is a way for notifications", () =>
    Effect.gen(function* () {
      const told: Array<unknown> = []
      const service = RpcServer.ofProvider(yield* tides("tables"))
      const notify = (text: string) => Effect.sync(() => void told.push(JSON.parse(text)))
      const serve = RpcServer.make(service, { notify, title: "tides", version: "3" })
      const discovered = yield* asked(`{"jsonrpc":"2.0","method":"rpc.discover","id":1}`, serve)
      assert.strictEqual(discovered.result["x-gleitzeit"], 1)
      assert.deepStrictEqual(discovered.result.info, { title: "tides", version: "3" })
      const _context = { run: "R", task: "wait", attempt: 2, idempotency_key: "R/wait" }
      const request = JSON.stringify({
        jsonrpc: "2.0",
        method: "tide/next",
        params: { port: "Husum", _context },
        id: "a"
      })
      assert.deepStrictEqual((yield* asked(request, serve)).result, { times: ["wait 2 R/wait"] })
      assert.deepStrictEqual(told, [
        { jsonrpc: "2.0", method: "task/chunk", params: { id: "a", chunk: { _tag: "Text", text: "Husum" } } },
        { jsonrpc: "2.0", method: "task/usage", params: { id: "a", usage: { calls: 1 } } }
      ])
      const without = RpcServer.make(service)
      assert.notProperty(
        (yield* asked(`{"jsonrpc":"2.0","method":"rpc.discover","id":1}`, without)).result,
        "x-gleitzeit"
      )
      assert.strictEqual((yield* asked(request, without)).error.code, -32602)
    })
  )

  it.effect("are interrupted by $/cancelRequest, which ends that call alone", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      let interrupted = 0
      const waiting = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const serve = RpcServer.make(
        RpcServer.handlers([
          {
            contract: contract("x/wait", {}),
            call: () => Effect.onInterrupt(waiting, () => Effect.sync(() => void interrupted++))
          }
        ]),
        { notify: () => Effect.void }
      )
      const call = yield* Effect.forkChild(asked(`{"jsonrpc":"2.0","method":"x/wait","id":1}`, serve))
      const other = yield* Effect.forkChild(asked(`{"jsonrpc":"2.0","method":"x/wait","id":"1"}`, serve))
      yield* Deferred.await(begun)
      yield* Effect.yieldNow
      assert.isUndefined(yield* asked(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`, serve))
      const answered = yield* Fiber.join(call)
      assert.strictEqual(answered.error.code, -29004)
      assert.strictEqual(interrupted, 1)
      yield* Fiber.interrupt(other)
      assert.strictEqual(interrupted, 2)
    })
  )
})

describe("a batch that asks for more than can be answered", () => {
  it.effect("has its last calls refused before they are made", () =>
    Effect.gen(function* () {
      let made = 0
      const large = { contract: contract("large", {}), call: () => Effect.sync(() => (made++, "x".repeat(1_000_000))) }
      const calls = Array.from({ length: 200 }, (_, id) => ({ jsonrpc: "2.0", method: "large", id }))
      const answers = yield* asked(JSON.stringify(calls), RpcServer.make(RpcServer.handlers([large])))
      assert.lengthOf(answers, 200)
      assert.isBelow(made, 100)
      const { error, id } = answers.at(-1)
      assert.deepStrictEqual([id, error.code], [199, -32600])
      assert.match(error.message, /was not made/)
    })
  )
})
