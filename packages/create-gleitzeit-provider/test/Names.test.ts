import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as Names from "../src/Names.ts"

describe("names of packages", () => {
  it("npm's rules are told by name, with what would do", () => {
    const complaints: ReadonlyArray<readonly [name: string, complaint: string | undefined]> = [
      ["weather", undefined],
      ["gleitzeit-provider-weather", undefined],
      ["@acme/weather.v2_x-y", undefined],
      ["Weather", `"Weather" is no name for a package: it has capital letters, weather would do`],
      [
        "my weather!",
        `"my weather!" is no name for a package: it has other characters than letters, digits, dots, hyphens and underscores, my-weather would do`
      ],
      [
        "Übung",
        `"Übung" is no name for a package: it has capital letters, it has other characters than letters, digits, dots, hyphens and underscores, ubung would do`
      ],
      [
        ".hidden",
        `".hidden" is no name for a package: it begins with a dot, an underscore or a hyphen, hidden would do`
      ],
      ["_x", `"_x" is no name for a package: it begins with a dot, an underscore or a hyphen, x would do`],
      ["-x", `"-x" is no name for a package: it begins with a dot, an underscore or a hyphen, x would do`],
      [" x", `" x" is no name for a package: it begins or ends with a space, x would do`],
      [
        "node_modules",
        `"node_modules" is no name for a package: npm keeps it for itself, gleitzeit-node_modules would do`
      ],
      ["fs", `"fs" is no name for a package: a module of Node is called so, gleitzeit-fs would do`],
      ["", `"" is no name for a package: it is empty`],
      [
        "日本",
        `"日本" is no name for a package: it has other characters than letters, digits, dots, hyphens and underscores`
      ],
      [
        "@acme",
        `"@acme" is no name for a package: a scope is written @scope/name, it has other characters than letters, digits, dots, hyphens and underscores, acme would do`
      ]
    ]
    for (const [name, complaint] of complaints) assert.strictEqual(Names.complaint(name), complaint)
    assert.include(Names.complaint("x".repeat(215)), "more than 214 characters, xxx")
  })

  it.effect.prop("what would do has no complaint", { name: Schema.String }, ({ name }) =>
    Effect.sync(() => {
      const better = /, (\S+) would do$/.exec(Names.complaint(name) ?? "")?.[1]
      if (better !== undefined) assert.isUndefined(Names.complaint(better))
    })
  )

  it("a short name gets what the package is, a scope and Gleitzeit's own stay", () => {
    assert.strictEqual(Names.packageName("weather", "provider"), "gleitzeit-provider-weather")
    assert.strictEqual(Names.packageName("acme", "store"), "gleitzeit-store-acme")
    assert.strictEqual(Names.packageName("gleitzeit-weather", "provider"), "gleitzeit-weather")
    assert.strictEqual(Names.packageName("@acme/weather", "provider"), "@acme/weather")
  })

  it("a package is about what is left of its name", () => {
    const subjects = {
      "gleitzeit-provider-weather": "weather",
      "@acme/gleitzeit-provider-weather": "weather",
      "gleitzeit-weather": "weather",
      "@acme/log_parser.js": "log-parser-js",
      "gleitzeit-store-acme": "acme"
    }
    for (const [name, subject] of Object.entries(subjects)) assert.strictEqual(Names.subject(name), subject)
  })
})

describe("ids of protocols", () => {
  it("have a name and a version", () => {
    assert.deepStrictEqual(Names.protocol("log-parser/v12"), Result.succeed({ name: "log-parser", version: 12 }))
  })

  it("that are none are refused with one that would do", () => {
    const refusals = {
      weather: "such as weather/v1",
      "Weather/v1": "such as weather/v1",
      "weather/1": "such as weather/v1",
      "weather/v0": "such as weather/v1",
      "weather/v1 ": "such as weather/v1",
      "3d/v1": "such as d/v1",
      "/v1": "such as v1/v1",
      "": "such as weather/v1",
      "a/b/v1": "such as a/v1"
    }
    for (const [id, hint] of Object.entries(refusals)) {
      const found = Names.protocol(id)
      assert.include(Result.isFailure(found) ? found.failure : "", hint)
    }
  })

  it("that Gleitzeit has are refused", () => {
    assert.deepStrictEqual(
      Names.protocol("llm/v2"),
      Result.fail("llm/v2 is a protocol of Gleitzeit: give yours another name, such as my-llm/v1")
    )
  })
})

describe("the scheme of a store", () => {
  it("is what its package is about, where the configuration takes it", () => {
    assert.deepStrictEqual(
      Result.map(Names.scheme("@acme/gleitzeit-store-tape"), ({ name }) => name),
      Result.succeed("tape")
    )
    for (const name of ["none", "memory", "rediss", "gleitzeit-store-x", "3d"]) {
      assert.isTrue(Result.isFailure(Names.scheme(name)), name)
    }
  })
})
