import { assert, describe, it } from "@effect/vitest"
import { Secrets } from "@gleitzeit/core"
import { Arbitrary, ConfigProvider, Effect, Result, Schema } from "effect"
import { tmpdir } from "node:os"
import * as Expansion from "../src/Expansion.ts"
import * as Filling from "../src/Filling.ts"

const fill = (
  text: string,
  env: Record<string, string> = {},
  options: Partial<Filling.Options> = {},
  secrets: Record<string, string> = {}
) =>
  Filling.make({ folder: "/work/digest", home: "/home/ada", inputs: {}, asked: [], ...options })(text).pipe(
    Effect.provide(Secrets.layerRecord(secrets)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
  )

const whole = (...given: Parameters<typeof fill>) => Effect.flatMap(fill(...given), Effect.fromResult)
const filled = (...given: Parameters<typeof fill>) => Effect.map(whole(...given), ({ text }) => text)
const refused = (...given: Parameters<typeof fill>) => Effect.flip(filled(...given))

/** Texts in which references begin, end, and do not. */
const Any = Arbitrary.map(
  Arbitrary.schema(
    Schema.Array(Schema.Literals(["${A}", "${env:V}", "$", "{", "}", "${", "$${", "A", ":-", "input:", "\n", "é"]))
  ),
  (parts) => parts.join("")
)

describe("a text of a configuration", () => {
  it.effect("hides what its references stand for, but for folders, places and what it says itself", () =>
    Effect.gen(function* () {
      const env = { TOKEN: "from the environment", TMP: tmpdir() }
      const asked = [
        { id: "pin", password: true },
        { id: "open", password: false }
      ]
      const { hidden } = yield* whole(
        "${TOKEN} ${TMP} ${NONE:-standard} ${workspaceFolder} ${secrets.KEY} ${input:pin} ${input:open}",
        env,
        { asked, inputs: { pin: "written down", open: "${secrets.KEY} as well" } },
        { KEY: "from the secrets" }
      )
      assert.deepStrictEqual(hidden, ["from the environment", "from the secrets", "written down", "from the secrets"])
    })
  )

  it.effect("has variables in three spellings, and never `$VAR`", () =>
    Effect.gen(function* () {
      const env = { A: "a", EMPTY: "" }
      assert.strictEqual(yield* filled("${A}-${env:A}-${A:-b}-$A", env), "a-a-a-$A")
      assert.strictEqual(yield* filled("${B:-b}${B:-}${EMPTY:-c}${env:B:-d:-e}", env), "bcd:-e")
    })
  )

  it.effect("has places of the machine", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* filled("${workspaceFolder}/a ${workspaceFolderBasename}"), "/work/digest/a digest")
      assert.strictEqual(yield* filled("${userHome}${/}b${pathSeparator}"), "/home/ada/b/")
    })
  )

  it.effect("has secrets and inputs", () =>
    Effect.gen(function* () {
      const asked = [
        { id: "api-key", password: true },
        { id: "city", password: false, otherwise: "Kiel" },
        { id: "lake", password: false }
      ]
      assert.strictEqual(yield* filled("Bearer ${secrets.KEY}", {}, {}, { KEY: "k" }), "Bearer k")
      assert.strictEqual(yield* filled("${input:api-key}", {}, { asked }, { API_KEY: "k" }), "k")
      assert.strictEqual(yield* filled("${input:city}", {}, { asked }), "Kiel")
      assert.strictEqual(yield* filled("${input:city}", { C: "Bonn" }, { asked, inputs: { city: "${C}" } }), "Bonn")
      assert.strictEqual(
        yield* refused("${input:api-key}", {}, { asked }),
        'the input "api-key" has no value; `mcp.inputs` in the configuration may give one, or there may be a secret API_KEY'
      )
      assert.strictEqual(
        yield* refused("${input:lake}", { LAKE: "no input of a file reads the environment" }, { asked }),
        'the input "lake" has no value; `mcp.inputs` in the configuration may give one'
      )
      assert.include(yield* refused("${input:a}", {}, { inputs: { a: "${input:a}" } }), "an input cannot be of another")
    })
  )

  it.effect("that refers to nothing names what it is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refused("${EMPTY}", { EMPTY: "" }), "the environment variable EMPTY is not set")
      assert.strictEqual(yield* refused("${TOKEN}"), "the environment variable TOKEN is not set")
      assert.include(yield* refused("${secrets.TOKEN}"), "TOKEN")
      assert.strictEqual(yield* refused("a ${A"), "a `${` has no `}`; `$${` stands for the signs themselves")
      assert.include(yield* refused("${command:pick}"), '"${command:pick" begins no reference')
    })
  )

  it.effect.prop("is not looked through a second time", { value: Any }, ({ value }) =>
    Effect.gen(function* () {
      const env = { V: value, A: "never" }
      assert.strictEqual(yield* filled("${secrets.V}", env, {}, { V: value }), value)
      assert.strictEqual(yield* filled("${V:-x}", env), value === "" ? "x" : value)
      if (value !== "") assert.strictEqual(yield* filled("<${V}|${env:V}>", env), `<${value}|${value}>`)
    })
  )

  it.effect.prop("stands for itself when it is escaped", { value: Any }, ({ value }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* filled(Expansion.escape(value), { A: "never" }), value)
    })
  )

  it.effect.prop("is the same when it is written again as it was read", { value: Any }, ({ value }) =>
    Effect.sync(() => {
      const parts = Expansion.parse(value)
      if (Result.isFailure(parts)) return
      assert.deepStrictEqual(Expansion.parse(Expansion.write(parts.success)), parts)
    })
  )
})
