import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Place, place } from "./command.ts"
import * as LanguageServer from "./languageServer.ts"

const modeline = "# yaml-language-server: $schema=./gleitzeit.schema.json\n"

/** Its keys begin on line 5. */
const chat = `${modeline}tasks:\n  - id: a\n    method: llm/chat\n`

const right = `${chat}    params: { prompt: "Say \${inputs.word}", temperature: "\${inputs.warmth}" }\n    timeout: 5m\n`

const labels = (items: ReadonlyArray<{ readonly label: string }>) => items.map(({ label }) => label)

/** The schema of this command line in a folder, and an editor's server that works there. */
const editing = (test: (server: LanguageServer.LanguageServer, place: Place) => Effect.Effect<void>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const here = yield* place()
      const { exit } = yield* here.gz("schema", "--out", join(here.folder, "gleitzeit.schema.json"), "--quiet")
      assert.strictEqual(exit, 0)
      yield* test(yield* LanguageServer.make(here.folder), here)
    })
  )

describe("gleitzeit schema", () => {
  it.live("prints a schema with the methods on duty", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { gz } = yield* place()
        const { exit, stdout } = yield* gz("schema")
        assert.strictEqual(exit, 0)
        const schema = JSON.parse(stdout)
        assert.strictEqual(schema.$schema, "http://json-schema.org/draft-07/schema#")
        for (const method of ["llm/chat", "python/execute", "human/approve", "timer/sleep"]) {
          assert.include(stdout, `"${method}"`)
        }
        const compact = yield* gz("schema", "--json")
        assert.deepStrictEqual(JSON.parse(compact.stdout), schema)
      })
    )
  )

  it.live("writes it, and says how an editor finds it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { folder, gz } = yield* place()
        const file = join(folder, "flows.json")
        const { exit, stderr, stdout } = yield* gz("schema", "--out", file)
        assert.strictEqual(exit, 0)
        assert.strictEqual(stdout, "")
        assert.include(stderr, `# yaml-language-server: $schema=${file}\n`)
        assert.match(readFileSync(file, "utf8"), /^\{\n {2}"\$schema"[\s\S]*\}\n$/)
        const json = JSON.parse((yield* gz("schema", "--json", "--out", file)).stdout)
        assert.strictEqual(json.modeline, `# yaml-language-server: $schema=${file}`)
        assert.isAtLeast(json.methods, 8)
        const nowhere = yield* gz("schema", "--out", join(folder, "no/such.json"))
        assert.strictEqual(nowhere.exit, 2)
        assert.include(nowhere.stderr, "there is no folder")
      })
    )
  )
})

describe("an editor with the YAML language server", () => {
  it.live("finds nothing wrong with what is right, and each mistake on its line", () =>
    editing((server) =>
      Effect.gen(function* () {
        const folder = new URL("../../../examples/", import.meta.url)
        const examples = readdirSync(folder).flatMap((name) => {
          const files = /^\d/.test(name) ? readdirSync(new URL(`${name}/`, folder)) : []
          // one that is configured calls providers of its own
          return files.includes("workflow.yaml") && !files.includes("gleitzeit.config.yaml")
            ? [modeline + readFileSync(new URL(`${name}/workflow.yaml`, folder), "utf8")]
            : []
        })
        assert.isAtLeast(examples.length, 8)
        const cases: ReadonlyArray<readonly [text: string, mistakes: ReadonlyArray<string>]> = [
          ...[right, ...examples].map((text) => [text, []] as const),
          [`${right}    tiemout: 5\n`, ["7:5 Property tiemout is not allowed."]],
          [`${right}nmae: x\n`, ["7:1 Property nmae is not allowed."]],
          [
            `${chat}    with:\n      prompt: x\n      temperature: hot\n      top_pp: 1\n`,
            ["7:20 expected a number, or a reference such as ${task.field}", "8:7 Property top_pp is not allowed."]
          ],
          [
            `${chat}    workflow: other.yaml\n    once: true\n`,
            [
              "4:5 cannot stand beside `workflow`: it belongs to the tasks inside",
              "6:5 cannot stand beside `workflow`: it belongs to the tasks inside"
            ]
          ],
          [`${right}    type: llm/chat\n`, ["7:5 says the same as `method`, expected one of them"]],
          [right.replace("5m", "5 hours"), ["6:14 expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d"]]
        ]
        const found = yield* Effect.forEach(cases, ([text]) => server.diagnostics(text), { concurrency: "unbounded" })
        cases.forEach(([text, mistakes], n) => assert.deepStrictEqual(found[n], mistakes, text))
        const [method = "", ...others] = yield* server.diagnostics(right.replace("llm/chat", "llm/caht"))
        assert.match(method, /^4:13 Value is not accepted\. Valid values: .*"llm\/chat"/)
        assert.isEmpty(others)
      })
    )
  )

  it.live("offers methods, their params and their values, and tells what keys mean", () =>
    editing((server) =>
      Effect.gen(function* () {
        const [methods, params, roles, keys, short, key, param] = yield* Effect.all(
          [
            server.completion(`${modeline}tasks:\n  - id: a\n    method: ‸\n`),
            server.completion(`${chat}    params:\n      ‸\n`),
            server.completion(`${chat}    params:\n      messages:\n        - role: ‸\n`),
            server.completion(`${chat}    ‸\n`),
            server.completion(`${modeline}tasks:\n  - id: a\n    protocol: llm/v1\n    method: ‸\n`),
            server.hover(right.replace("timeout", "time‸out")),
            server.hover(right.replace("temperature", "temp‸erature"))
          ],
          { concurrency: "unbounded" }
        )
        assert.includeMembers(labels(methods), ["llm/chat", "python/execute", "human/input"])
        assert.strictEqual(
          methods.find(({ label }) => label === "llm/chat")?.about,
          "Answers a conversation, or a single prompt"
        )
        assert.includeMembers(labels(params), ["prompt", "messages", "temperature", "schema"])
        assert.notInclude(labels(params), "code")
        assert.includeMembers(labels(roles), ["system", "user", "assistant", "tool"])
        assert.includeMembers(labels(keys), ["params", "retry", "on_error", "foreach"])
        for (const key of ["parameters", "with", "needs", "method", "type"]) assert.notInclude(labels(keys), key)
        assert.includeMembers(labels(short), ["chat", "llm/chat"])
        assert.notInclude(labels(short), "python/execute")
        assert.include(key, "How long one attempt may take: seconds, or `30s`, `5m`, `1h`. Default: no limit.")
        assert.include(param, "#### llm/chat\n\nDefault 0.7.")
      })
    )
  )
})
