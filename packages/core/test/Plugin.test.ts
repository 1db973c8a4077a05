import { assert, describe, it } from "@effect/vitest"
import { Config, Context, Deferred, Effect, Exit, Fiber, Layer, Result, Schema, Scope, Semaphore, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Border from "../src/Border.ts"
import * as Errors from "../src/Errors.ts"
import type { Failure } from "../src/Failure.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Plugin from "../src/Plugin.ts"
import * as PluginMemory from "../src/PluginMemory.ts"
import * as Plugins from "../src/Plugins.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import { TaskContext } from "../src/TaskContext.ts"

const TideV1 = Protocol.make("tide/v1", {
  description: "Tides",
  methods: {
    "tide/next": Method.make({
      description: "The next one",
      effects: "reads",
      params: Schema.Struct({ port: Schema.NonEmptyString }),
      result: Schema.Struct({ at: Schema.String })
    })
  }
})

const Options = Schema.Struct({ url: Schema.NonEmptyString, timeout: Schema.optionalKey(Plugin.duration) })

const spec = (name: string): Provider.Spec<(typeof TideV1)["methods"]> => ({
  name,
  handlers: { "tide/next": ({ port }) => Effect.succeed({ at: port }) }
})

const tide = Plugin.provider({
  name: "tide",
  protocol: TideV1,
  options: Options,
  make: (_options, name) => Effect.succeed(spec(name))
})

const own = Effect.runSync(Provider.make(TideV1, spec("inner")))

const owner: Border.Owner = { name: "x", use: "./x.ts" }

/** Plug-ins as if they came with the program, each under its own name, and what is asked of those who are on duty. */
const onDuty = (
  plugins: { readonly [name: string]: Plugin.Plugin },
  more: Partial<Plugins.Options> & { readonly options?: Plugins.Entry["options"] } = {}
) => {
  const { options = {}, ...rest } = more
  return Effect.map(
    Layer.build(
      Layer.provideMerge(
        Plugins.layer({
          plugins: Object.keys(plugins).map((name) => ({ name, use: name, options })),
          from: ".",
          bundled: Object.fromEntries(
            Object.entries(plugins).map(([name, plugin]) => [name, { load: Effect.succeed(plugin) }])
          ),
          ...rest
        }),
        Providers.layer
      )
    ),
    (context) => Context.get(context, Providers.Providers)
  )
}

const anything = Schema.Record(Schema.String, Schema.Json)

const made = (make: Plugin.ProviderPlugin["make"]): Plugin.ProviderPlugin => ({
  gleitzeit: 1,
  kind: "provider",
  name: "made",
  options: {},
  make
})

const context = Context.make(TaskContext, {
  run: "r",
  task: "t",
  attempt: 1,
  idempotencyKey: "k",
  emit: () => Effect.void,
  usage: () => Effect.void,
  call: () => Effect.succeed(null),
  suspend: () => Effect.succeed(null)
})

/** The message that a provider fails with when it is asked what it can do. */
const complaint = (providers: Providers.Providers["Service"], name: string) =>
  Effect.gen(function* () {
    const found = (yield* providers.all).find((provider) => provider.name === name)
    assert.isDefined(found)
    return (yield* Effect.flip(found!.contracts)).message
  })

describe("reading a module", () => {
  const message = (module: unknown) =>
    Result.match(Plugin.read(module, "x", "./x.ts"), { onFailure: ({ message }) => message, onSuccess: () => "fine" })

  it("takes what the constructors give, also from a module that was CommonJS once", () => {
    assert.strictEqual(message({ default: tide }), "fine")
    assert.strictEqual(message({ default: { __esModule: true, default: tide } }), "fine")
  })

  it.each([
    [
      {},
      "has no default export (it exports nothing); export what Plugin.provider or Plugin.store gives as its default"
    ],
    [{ layer: 1, make: 2 }, "has no default export (it exports layer, make); "],
    [null, "has no default export (it exports nothing); "],
    [
      Object.fromEntries(Array.from("abcdefghij", (name) => [name, 1])),
      "has no default export (it exports a, b, c, d, e, f, g, h and 2 more); "
    ],
    [{ default: 5 }, "exports 5 as its default, which is no plug-in; "],
    [{ default: () => 1 }, "exports a function as its default, which is no plug-in; "],
    [{ default: {} }, "exports an object as its default, which is no plug-in; "],
    [
      { default: { ...tide, gleitzeit: 2 } },
      "speaks version 2 of the border between program and plug-in, this program speaks version 1; use a newer gleitzeit, or an older version of the plug-in"
    ],
    [{ default: { ...tide, gleitzeit: 0 } }, "speaks version 0 of the border"],
    [{ default: { ...tide, kind: "queue" } }, 'has a wrong `kind`: expected "provider" or "store", found "queue"'],
    [{ default: { ...tide, name: "" } }, 'has a wrong `name`: expected a name, found ""'],
    [{ default: { ...tide, options: [] } }, "has a wrong `options`: expected a JSON Schema, found a list"],
    [{ default: { ...tide, make: {} } }, "has a wrong `make`: expected a function, found an object"],
    [
      { default: { ...tide, kind: "store", schemes: ["Postgres:"] } },
      'has a wrong `schemes`: expected a list such as ["postgres"], found a list'
    ]
  ])("refuses %j", (module, expected) => {
    assert.include(message(module), `plug-in "x" (./x.ts) cannot be used: ${expected}`)
  })

  it("survives fields that throw", () => {
    const hostile = {
      get default() {
        throw new Error("no")
      }
    }
    assert.include(message(hostile), "has no default export")
  })

  it.prop("never throws", { module: Schema.Json }, ({ module }) => {
    assert.isString(message(module))
    assert.isString(message({ default: module }))
  })
})

describe("a plug-in's options", () => {
  it("are told as JSON Schema that knows no other keys", () => {
    assert.deepStrictEqual(tide.options, {
      type: "object",
      properties: {
        url: { type: "string", minLength: 1 },
        timeout: {
          anyOf: [{ type: "number" }, { type: "string" }],
          description: "Seconds, or a duration such as 30s, 5m or 1h."
        }
      },
      required: ["url"],
      additionalProperties: false
    })
  })

  it.effect("are decoded on its own side: durations become milliseconds", () =>
    Effect.gen(function* () {
      const seen = yield* Deferred.make<unknown>()
      const plugin = Plugin.provider({
        name: "tide",
        protocol: TideV1,
        options: Options,
        make: (options, name) => Effect.as(Deferred.succeed(seen, [options, name]), spec(name))
      })
      yield* plugin.make({ url: "u", timeout: "1m" }, "flood")
      assert.deepStrictEqual(yield* Deferred.await(seen), [{ url: "u", timeout: 60_000 }, "flood"])
    })
  )

  it.effect("that no JSON Schema can refuse are refused by it, with the place", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(tide.make({ url: "u", timeout: "soon" }, "flood"))
      assert.strictEqual(
        failure.message,
        'the options of "flood": "soon" is no duration, expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d at ["timeout"]'
      )
    })
  )
})

describe("a provider from another program", () => {
  const messageOf = (given: unknown) =>
    Result.match(Border.provider(given, owner), { onFailure: ({ reason }) => reason, onSuccess: () => "fine" })
  const provider = (given: Partial<Provider.Provider>) =>
    Effect.fromResult(Border.provider({ ...own, ...given }, owner)) as Effect.Effect<Provider.Provider, Failure>

  it.each<readonly [unknown, string]>([
    [undefined, "gives no provider: expected an object, found nothing"],
    [
      { ...own, protocol: "tide" },
      'gives no provider: `protocol` is "tide", expected a name and a version such as "weather/v1"'
    ],
    [{ ...own, concurrency: 0 }, "gives no provider: `concurrency` is 0, expected a whole number from 1, or Infinity"],
    [{ ...own, contracts: [] }, "gives no provider: `contracts` is a list, expected an effect"],
    [{ ...own, changes: Effect.void }, "gives no provider: `changes` is an effect, expected a stream"],
    [{ ...own, call: 1 }, "gives no provider: `call` is 1, expected a function"],
    [{ ...own, health: () => "fine" }, "gives no provider: `health` is a function, expected an effect"]
  ])("%# is refused by name", (given, expected) => assert.strictEqual(messageOf(given), expected))

  it.effect("has the configured name, and so have its contracts", () =>
    Effect.gen(function* () {
      const made = yield* provider({})
      assert.strictEqual(made.name, "x")
      const [contract] = yield* made.contracts
      assert.strictEqual(contract?.provider, "x")
      assert.deepStrictEqual(contract?.params, (yield* own.contracts)[0]?.params)
    })
  )

  it.effect("gives the same list of contracts while its own is the same", () =>
    Effect.gen(function* () {
      const made = yield* provider({})
      assert.strictEqual(yield* made.contracts, yield* made.contracts)
    })
  )

  const contract = Effect.runSync(own.contracts)[0]!

  it.effect.each<readonly [unknown, string]>([
    [5, "has a wrong `contracts`: expected a list, found 5"],
    [[null], "has a contract that is none: expected an object, found null"],
    [[{ ...contract, effects: "sometimes" }], '`effects` is "sometimes", expected "reads" or "writes"'],
    [[{ ...contract, params: "any" }], '`params` is "any", expected a JSON Schema'],
    [
      [contract, { ...contract, protocol: "llm/v1", method: "llm/chat" }],
      'claims the method "llm/chat" ("llm/v1"), which is not of its own protocol tide/v1; the methods of tide/v1 begin with "tide/"'
    ],
    [[{ ...contract, method: "llm/chat" }], 'claims the method "llm/chat"'],
    [[contract, contract], 'claims the method "tide/next" twice']
  ])("with contracts that cannot be believed is refused: %#", ([list, expected]) =>
    Effect.gen(function* () {
      const made = yield* provider({ contracts: Effect.succeed(list as never) })
      assert.include((yield* Effect.flip(made.contracts)).message, expected)
    })
  )

  it.effect("is not believed to have checked its results", () =>
    Effect.map(provider({ isChecked: true }), ({ isChecked }) => assert.isUndefined(isChecked))
  )

  it.effect("that answers without an effect fails with words", () =>
    Effect.gen(function* () {
      const made = yield* provider({ call: (() => Promise.resolve(1)) as never })
      const failure = yield* Effect.flip(Effect.provide(made.call("tide/next", {}), context))
      assert.include(failure.message, 'its call("tide/next") gives a promise, expected an effect')
    })
  )

  it.effect("that comes upon what is no effect fails its call alone: whoever waits for its turn gets it", () =>
    Effect.gen(function* () {
      const made = yield* provider({ call: () => Effect.flatMap(Effect.void, () => Promise.resolve(1) as never) })
      const turns = Semaphore.makeUnsafe(1)
      const call = Effect.provide(made.call("tide/next", {}), context)
      const called = yield* Effect.forkChild(Effect.exit(turns.withPermit(call)))
      yield* Fiber.await(called)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(turns.withPermit(call))))
    }).pipe(Effect.timeout("1 second"), TestClock.withLive)
  )

  it.effect("is interrupted in its call before whoever waits goes on", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const say = (what: string) => Effect.sync(() => order.push(what))
      const made = yield* provider({ call: () => Effect.onInterrupt(Effect.never, () => say("interrupted")) })
      const call = Effect.provide(made.call("tide/next", {}), context)
      const called = yield* Effect.forkChild(Effect.ensuring(call, say("over")))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(called)
      assert.deepStrictEqual(order, ["interrupted", "over"])
    })
  )

  it.effect("that never says how it is counts as unhealthy after 10 s", () =>
    Effect.gen(function* () {
      const made = yield* provider({ health: Effect.never })
      const asked = yield* Effect.forkChild(made.health)
      yield* TestClock.adjust("10 seconds")
      const { details, status } = yield* Fiber.join(asked)
      assert.strictEqual(status, "unhealthy")
      assert.deepStrictEqual(details, { reason: "it did not say how it is within 10.0 s" })
    })
  )

  it.effect("says nothing of use where its answers are of no use", () =>
    Effect.gen(function* () {
      const made = yield* provider({
        identity: () => Effect.succeed(5 as never),
        estimate: () => Effect.succeed({ calls: 2, cost_usd: Number.NaN, input_tokens: -1, extra: 1 } as never),
        health: Effect.succeed({ status: "well" } as never),
        changes: Stream.fail("gone") as never,
        capabilities: { streaming: true } as never
      })
      assert.isUndefined(yield* made.identity("tide/next", {}))
      assert.deepStrictEqual(yield* made.estimate("tide/next", {}), { calls: 2 })
      assert.deepStrictEqual(yield* made.health, {
        status: "unhealthy",
        details: { reason: 'its health is "well", expected "healthy"' }
      })
      assert.isEmpty(yield* Stream.runCollect(made.changes))
      assert.deepStrictEqual(made.capabilities, { ...Provider.noCapabilities, streaming: true })
    })
  )

  it.effect("whose health dies is unhealthy", () =>
    Effect.gen(function* () {
      const made = yield* provider({ health: Effect.die(new Error("off")) })
      assert.strictEqual((yield* made.health).status, "unhealthy")
    })
  )
})

describe("plug-ins on duty", () => {
  it.effect("one that is broken leaves the others working, and says why under its name", () =>
    Effect.gen(function* () {
      const providers = yield* onDuty({
        good: made(() => tide.make({ url: "u" }, "good")),
        fails: made(() =>
          Effect.fail(new Errors.ProviderUnavailable({ provider: "y", reason: "off", retryable: true }))
        ),
        dies: made(() => Effect.die(new Error("boom"))),
        throws: made(() => {
          throw new Error("bang")
        }),
        odd: made((() => 5) as never),
        part: made(() => Effect.flatMap(Effect.void, () => 5 as never)),
        unset: Plugin.open({
          name: "unset",
          options: anything,
          make: Effect.fnUntraced(function* () {
            yield* Config.String("GLEITZEIT_TEST_NOT_SET")
            return own
          })
        }),
        async: Plugin.provider({
          name: "async",
          protocol: TideV1,
          options: anything,
          make: (() => Promise.resolve(spec("async"))) as never
        }),
        interrupts: made(() => Effect.interrupt),
        store: Plugin.store({ schemes: ["x"], options: anything, make: () => MemoryStore.make })
      })
      assert.strictEqual((yield* providers.choose("tide/next", {})).name, "good")
      assert.strictEqual(yield* complaint(providers, "fails"), 'provider "y" is not available: off')
      assert.include(
        yield* complaint(providers, "dies"),
        'plug-in "dies" cannot be used: does not start: unexpected Error: boom'
      )
      assert.include(yield* complaint(providers, "throws"), "bang")
      assert.include(yield* complaint(providers, "odd"), "its `make` gives 5, expected an effect")
      assert.include(yield* complaint(providers, "part"), 'plug-in "part" cannot be used: does not start: unexpected ')
      assert.include(
        yield* complaint(providers, "unset"),
        'the environment: Expected string at ["GLEITZEIT_TEST_NOT_SET"]'
      )
      assert.include(yield* complaint(providers, "async"), "`make` gives a promise, expected an effect")
      assert.include(yield* complaint(providers, "interrupts"), 'plug-in "interrupts" cannot be used: does not start')
      assert.include(yield* complaint(providers, "store"), "is a store, no provider; name it under `stores`")
    })
  )

  it.effect("one that hangs is given up after 10 s, and what it had opened is closed", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const open = Effect.acquireRelease(Effect.void, () => Effect.sync(() => closed.push("closed")))
      const hang = made(() => Effect.andThen(open, Effect.never))
      const providers = yield* onDuty({ hang, deaf: made(() => Effect.uninterruptible(Effect.never)) })
      const asked = yield* Effect.forkChild(Effect.all([complaint(providers, "hang"), complaint(providers, "deaf")]))
      yield* TestClock.adjust("9900 millis")
      assert.isUndefined(asked.pollUnsafe())
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* Fiber.join(asked), [
        'plug-in "hang" cannot be used: is not ready within 10.0 s',
        'plug-in "deaf" cannot be used: is not ready within 10.0 s'
      ])
      assert.deepStrictEqual(closed, ["closed"])
    })
  )

  it.effect("whoever asks and goes away leaves the start going on; it happens once", () =>
    Effect.gen(function* () {
      let starts = 0
      const go = yield* Deferred.make<void>()
      const slow = made(() =>
        Effect.andThen(
          Effect.sync(() => starts++),
          Effect.andThen(Deferred.await(go), tide.make({ url: "u" }))
        )
      )
      const providers = yield* onDuty({ slow })
      const [provider] = yield* providers.all
      const first = yield* Effect.forkChild(provider!.contracts, { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(go, undefined)
      assert.lengthOf(yield* provider!.contracts, 1)
      assert.strictEqual(starts, 1)
    })
  )

  it.effect("is not started before something is asked of it", () =>
    Effect.gen(function* () {
      let starts = 0
      const plugin = made(() =>
        Effect.andThen(
          Effect.sync(() => starts++),
          tide.make({ url: "u" })
        )
      )
      const providers = yield* onDuty({ plugin })
      const [provider] = yield* providers.all
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      assert.strictEqual(starts, 0)
      assert.strictEqual(provider?.protocol, "")
      yield* provider!.contracts
      assert.strictEqual(starts, 1)
      assert.strictEqual(provider?.protocol, "tide/v1")
    })
  )

  it.effect("begins with what its layer was given, whoever asks first", () =>
    Effect.gen(function* () {
      const Port = Context.Reference<string>("test/Port", { defaultValue: () => "nowhere" })
      const at = made(() =>
        Effect.flatMap(Port, (port) =>
          Provider.make(TideV1, { name: "low", handlers: { "tide/next": () => Effect.succeed({ at: port }) } })
        )
      )
      const providers = yield* Effect.provideService(onDuty({ low: at }), Port, "Brest")
      const called = (yield* providers.choose("tide/next", {})).call("tide/next", { port: "x" })
      assert.deepStrictEqual(yield* Effect.provideContext(called, context), { at: "Brest" })
    })
  )

  it.effect("with known contracts is not started by being asked for them", () =>
    Effect.gen(function* () {
      const load = Effect.die(new Error("loaded"))
      const known = { protocol: TideV1, capabilities: Provider.noCapabilities, concurrency: () => 3 }
      const plugins = [{ name: "low", use: "tide", options: {} }]
      const context = yield* Layer.build(
        Layer.provideMerge(Plugins.layer({ plugins, from: ".", bundled: { tide: { load, known } } }), Providers.layer)
      )
      const [provider] = yield* Context.get(context, Providers.Providers).all
      assert.deepStrictEqual(
        (yield* provider!.contracts).map(({ method, provider }) => [method, provider]),
        [["tide/next", "low"]]
      )
      assert.strictEqual(provider?.concurrency, 3)
      const health = yield* provider!.health
      assert.strictEqual(health.status, "unhealthy")
    })
  )

  it.effect("says all that is wrong with its options, with places and origins, without showing values", () =>
    Effect.gen(function* () {
      const plugins = [
        {
          name: "low",
          use: "tide",
          options: { url: 5, tiemout: "s3cret" },
          origins: { url: "--url", tiemout: "a.yaml" }
        }
      ]
      const context = yield* Layer.build(
        Layer.provideMerge(
          Plugins.layer({ plugins, from: ".", bundled: { tide: { load: Effect.succeed(tide) } } }),
          Providers.layer
        )
      )
      assert.strictEqual(
        yield* complaint(Context.get(context, Providers.Providers), "low"),
        'plug-in "low" (tide) cannot be used: has options that cannot be used: providers.low.options.url (--url): expected text, found a number; providers.low.options.tiemout (a.yaml): "tiemout" is not known here, expected url or timeout, did you mean "timeout"?'
      )
    })
  )

  it.effect("whose name is taken says so under another", () =>
    Effect.gen(function* () {
      const human = Layer.provideMerge(Provider.layer(TideV1, Effect.succeed(spec("human"))), Providers.layer)
      const plugins = [{ name: "human", use: "./x.ts", options: {} }]
      const providers = Context.get(
        yield* Layer.build(Layer.provideMerge(Plugins.layer({ plugins, from: "." }), human)),
        Providers.Providers
      )
      assert.include(yield* complaint(providers, "human (./x.ts)"), "the name belongs to a provider that is a part of")
      assert.strictEqual((yield* providers.choose("tide/next", {})).name, "human")
    })
  )

  it.effect("serves nothing of a protocol that something else stands in for", () =>
    Effect.gen(function* () {
      const providers = yield* onDuty({ tide: made(() => tide.make({ url: "u" })) }, { except: ["tide/v1"] })
      assert.include((yield* Effect.flip(providers.choose("tide/next", {}))).message, "no provider has the method")
    })
  )

  it.effect("is closed with the layer, and what hangs there is left behind after 5 s", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const opening = (name: string, close: Effect.Effect<void>) =>
        made(() =>
          Effect.andThen(
            Effect.acquireRelease(Effect.void, () =>
              Effect.andThen(
                close,
                Effect.sync(() => closed.push(name))
              )
            ),
            tide.make({ url: "u" }, name)
          )
        )
      const scope = yield* Scope.make()
      const providers = yield* Scope.provide(
        onDuty({ fine: opening("fine", Effect.void), hang: opening("hang", Effect.never) }),
        scope
      )
      for (const provider of yield* providers.all) yield* provider.contracts
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(closed, ["fine"])
    })
  )
})

describe("what a plug-in has said of itself", () => {
  const said: PluginMemory.Remembered = {
    protocol: "tide/v1",
    concurrency: Infinity,
    capabilities: Provider.noCapabilities,
    contracts: Effect.runSync(own.contracts)
  }

  it("comes back under the same key, with the configured name", () => {
    const { contracts, ...rest } = PluginMemory.read(PluginMemory.write("k", said), "k", owner) ?? said
    assert.deepStrictEqual(rest, { protocol: "tide/v1", concurrency: Infinity, capabilities: Provider.noCapabilities })
    assert.deepStrictEqual(
      contracts.map((one) => ({ ...one })),
      said.contracts.map((one) => ({ ...one, provider: "x" }))
    )
  })

  it("is forgotten under another key: of another version, with other options", () => {
    assert.isUndefined(PluginMemory.read(PluginMemory.write("k", said), "l", owner))
    const keys = [
      PluginMemory.keyOf("a", {}),
      PluginMemory.keyOf("b", {}),
      PluginMemory.keyOf("a", { x: 1 }),
      PluginMemory.keyOf("a", { x: 2 })
    ]
    assert.lengthOf([...new Set(keys)], 4)
    assert.strictEqual(PluginMemory.keyOf("a", { x: 1, y: 2 }), PluginMemory.keyOf("a", { y: 2, x: 1 }))
  })

  it("is not believed when somebody has changed it", () => {
    const text = PluginMemory.write("k", said)
    assert.isUndefined(PluginMemory.read(text.replaceAll("tide/next", "llm/chat"), "k", owner))
    assert.isUndefined(PluginMemory.read(text.slice(1), "k", owner))
  })

  it.prop("never throws", { text: Schema.String, json: Schema.Json }, ({ json, text }) => {
    assert.isUndefined(PluginMemory.read(text, "k", owner))
    assert.isUndefined(PluginMemory.read(JSON.stringify({ key: "k", contracts: json }), "k", owner))
  })
})

describe("a store by name", () => {
  const slate = Plugin.store({
    schemes: ["slate"],
    options: Schema.Struct({ size: Schema.optionalKey(Schema.Int) }),
    make: () => MemoryStore.make
  })
  const open = (plugin: Plugin.Plugin, options: Plugins.Entry["options"] = {}, scheme = "slate") =>
    Plugins.store({ name: scheme, use: "slate", options }, `${scheme}://here`, {
      from: ".",
      bundled: { slate: { load: Effect.succeed(plugin) } }
    })

  it.effect("is opened for a URL of its scheme", () =>
    Effect.gen(function* () {
      const { store } = yield* open(slate)
      assert.deepStrictEqual((yield* store.list({})).items, [])
    })
  )

  it.effect("that throws, or gives promises, fails as a store does", () =>
    Effect.gen(function* () {
      const { keyValues, leases, store } = yield* MemoryStore.make
      const throws = () => {
        throw new Error("disk on fire")
      }
      const promises = () => Promise.resolve({ items: [] })
      const odd = { keyValues, leases, store: { ...store, read: throws, list: promises } }
      // Safe: it is what plain JavaScript may give.
      const opened = yield* open({ ...slate, make: () => Effect.succeed(odd as never) })
      assert.strictEqual(opened.store.durability, "none")
      const [read, list] = [yield* Effect.flip(opened.store.read("r", 0, 1)), yield* Effect.flip(opened.store.list({}))]
      assert.deepStrictEqual([read._tag, list._tag], ["StoreError", "StoreError"])
      assert.include(read.message, "disk on fire")
      assert.include(list.message, "gives a promise, expected an effect")
      assert.isUndefined(yield* opened.keyValues.get("k"))
    })
  )

  it.effect.each<readonly [string, Plugin.Plugin, Plugins.Entry["options"], string, string]>([
    ["a provider", tide, { url: "u" }, "slate", "is a provider, no store; name it under `providers`"],
    ["another scheme", slate, {}, "chalk", "is a store for slate:, not for chalk:"],
    [
      "wrong options",
      slate,
      { size: "big" },
      "slate",
      "stores.slate.options.size: expected a whole number, found text"
    ],
    [
      "no store",
      { ...slate, make: () => Effect.succeed({ store: {} } as never) },
      {},
      "slate",
      'gives no store: in its `store`, `durability` is nothing, expected "none", "process" or "power"'
    ]
  ])("is refused: %s", ([, plugin, options, scheme, expected]) =>
    Effect.gen(function* () {
      assert.include((yield* Effect.flip(open(plugin, options, scheme))).message, expected)
    })
  )
})
