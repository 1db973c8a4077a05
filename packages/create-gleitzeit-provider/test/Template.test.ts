import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { files } from "../src/Template.ts"

const Name = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9-]{0,12}$/))
const Version = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))

for (const [template, own] of [
  ["provider", /greet/i],
  ["store", /ledger/i]
] as const) {
  it.effect.prop(
    `a ${template} of any name has the files of the template, and none of its own name`,
    { name: Name, version: Version },
    ({ name, version }) =>
      Effect.sync(() => {
        const wanted = { template, name: `@acme/${name}`, protocol: { name, version }, version: "1.2.3" }
        const made = files(wanted)
        assert.strictEqual(new Set(made.map(({ path }) => path)).size, made.length)
        for (const { path, text } of made) if (!own.test(name)) assert.notMatch(path + text, own)
        const manifest = JSON.parse(made.find(({ path }) => path === "package.json")?.text ?? "")
        assert.strictEqual(manifest.name, `@acme/${name}`)
        assert.strictEqual(manifest.dependencies["@gleitzeit/core"], "^1.2.3")
      })
  )
}
