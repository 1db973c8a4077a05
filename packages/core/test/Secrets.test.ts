import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as SecretsModule from "../src/Secrets.ts"

const { Secrets } = SecretsModule
const get = (name: string) => Effect.flatMap(Secrets, (secrets) => secrets.get(name))
const names = Effect.flatMap(Secrets, (secrets) => secrets.names)

describe("secrets from the environment", () => {
  const env = { API_KEY: "sk-12345678", EMPTY: "", "with.dot": "d", SPACED: " padded " }
  const environment = Layer.merge(SecretsModule.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

  it.effect("have the values of the variables of their names, sign for sign", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* get("API_KEY"), "sk-12345678")
      assert.strictEqual(yield* get("SPACED"), " padded ")
      assert.deepStrictEqual(yield* names, [])
    }).pipe(Effect.provide(environment))
  )

  it.effect("that are not set are missing", () =>
    Effect.gen(function* () {
      for (const name of ["API", "api_key", "__proto__", "toString"]) {
        const error = yield* Effect.flip(get(name))
        assert.deepStrictEqual([error.code, error.name, error.retryable], [-29011, "SECRET_MISSING", false])
        assert.include(error.message, name)
      }
    }).pipe(Effect.provide(environment))
  )
})

it.effect("a secret whose source cannot be read is missing", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* Effect.flip(get("API_KEY"))).code, -29011)
  }).pipe(
    Effect.provide(
      Layer.merge(
        SecretsModule.layer,
        ConfigProvider.layer(
          ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no disk" })))
        )
      )
    )
  )
)

describe("secrets from a record", () => {
  const record = SecretsModule.layerRecord({ API_KEY: "sk-12345678", EMPTY: "" })

  it.effect("are those it has, and named", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* get("API_KEY"), "sk-12345678")
      assert.strictEqual(yield* get("EMPTY"), "")
      assert.deepStrictEqual(yield* names, ["API_KEY", "EMPTY"])
      for (const name of ["OTHER", "toString", "__proto__"]) {
        assert.strictEqual((yield* Effect.flip(get(name))).code, -29011)
      }
    }).pipe(Effect.provide(record))
  )
})
