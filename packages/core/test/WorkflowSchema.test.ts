import { Validator } from "@cfworker/json-schema"
import { assert, describe, it } from "@effect/vitest"
import { type JsonSchema, Result, Schema } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { parse as parseYaml, stringify } from "yaml"
import { Arbitraries, ScriptedProvider } from "../../testkit/src/index.ts"
import type { Contract } from "../src/Contract.ts"
import { DataV1 } from "../src/DataV1.ts"
import * as Duration from "../src/Duration.ts"
import * as Field from "../src/Field.ts"
import { HumanV1 } from "../src/HumanV1.ts"
import { check } from "../src/JsonSchemaCheck.ts"
import * as Keys from "../src/Keys.ts"
import { LlmV1 } from "../src/LlmV1.ts"
import * as Protocol from "../src/Protocol.ts"
import { PythonV1 } from "../src/PythonV1.ts"
import { SignalV1 } from "../src/SignalV1.ts"
import * as Spelling from "../src/Spelling.ts"
import * as TemplateSchema from "../src/TemplateSchema.ts"
import { TimerV1 } from "../src/TimerV1.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import * as WorkflowSchema from "../src/WorkflowSchema.ts"
import { written } from "./written.ts"

const contract = (method: string, params: JsonSchema.JsonSchema, more: Partial<Contract> = {}): Contract => ({
  protocol: `${method.slice(0, method.indexOf("/"))}/v1`,
  method,
  description: `Does ${method}`,
  effects: "reads",
  params,
  result: {},
  ...more
})

const contracts = [
  ...[DataV1, HumanV1, LlmV1, PythonV1, SignalV1, TimerV1, ScriptedProvider.ScriptV1].flatMap((one) =>
    Protocol.contracts(one)
  ),
  contract("mcp/tool.function_name", {}),
  contract("old/do", { type: "object" }, { deprecated: "data/value" })
]

const schema = WorkflowSchema.make(contracts)

const validator = new Validator(JSON.parse(JSON.stringify(schema)), "7", false)

const isRight = (document: Schema.Json): boolean => validator.validate(document).valid

const wrong = (document: Schema.Json): string =>
  validator
    .validate(document)
    .errors.map(({ error, instanceLocation }) => `${instanceLocation}: ${error}`)
    .join("\n")

/** YAML as editors read it. */
const yaml = (text: string): Schema.Json => parseYaml(text)

const accepts = (text: string) => assert.strictEqual(wrong(yaml(text)), "", text)

const refuses = (text: string) => assert.isFalse(isRight(yaml(text)), text)

const call = (lines: string, method = "data/value") => `tasks:\n  - id: a\n    method: ${method}\n${lines}`

const examples = new URL("../../../examples/", import.meta.url)

/** One that is configured calls providers of its own. */
const isConfigured = (file: string) => existsSync(new URL("gleitzeit.config.yaml", new URL(file, examples)))

const documents = [
  ...readdirSync(examples, { recursive: true, encoding: "utf8" })
    .filter((file) => /^[^/]+\/[^/]*\.ya?ml$/.test(file) && !file.startsWith("node_modules") && !isConfigured(file))
    .map((file) => ({ name: `examples/${file}`, text: readFileSync(new URL(file, examples), "utf8") }))
    .filter(({ text }) => /^tasks:/m.test(text)),
  ...["seed-names.yaml", "seed-parameters.yaml", "seed-data-pipeline.json"].map((name) => ({
    name,
    text: readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8")
  }))
]

describe("documents", () => {
  it("are there to be tried", () => assert.isAtLeast(documents.length, 10))

  it.each(documents)("$name is right", ({ text }) => accepts(text))

  it("may be written in every spelling that is read", () => {
    accepts("tasks: [{ type: data/value, with: { a: 1 }, needs: b, when: true }, { name: b, method: data/value }]")
    accepts("max_parallel_tasks: 3\nversion: 1.0\ntags: one\ntasks: [{ method: data/value, params: }]")
    accepts(call("    parameters: { a: 1 }\n    depends_on: [1]\n    condition: x > 1\n"))
    accepts(call("    retry: { base_delay: 2s, exponential_backoff: false, on: TASK_TIMEOUT }\n    timeout: 1h 30m\n"))
    accepts("tasks:\n  - { id: a, protocol: llm/v1, method: chat, params: { prompt: x } }")
    accepts("tasks:\n  - { id: a, protocol: mcp/v1, type: tool.function_name }")
    accepts("inputs: { a: , b: { type: [string, 'null'], x-mine: 1, required: [a], default: null } }\n" + call(""))
  })

  it("have the keys of a workflow and of its tasks, and no others", () => {
    refuses(`nmae: x\n${call("")}`)
    refuses(call("    tiemout: 5\n"))
    refuses(call("    retry: { max_atempts: 3 }\n"))
    refuses(call("    budget: {}\n"))
    refuses(`inputs: { a: { tpye: string } }\n${call("")}`)
    refuses(`inputs: { 1a: {} }\n${call("")}`)
    refuses(`batch: { directory: x }\n${call("")}`)
    refuses("name: x")
    refuses("tasks: []")
    refuses("tasks: [{ id: a }]")
    refuses(call("    concurrency: 3\n"))
    refuses(call("    repeat: { max: 3 }\n"))
    refuses("tasks: [{ id: inputs, method: data/value }]")
  })

  it("say nothing twice", () => {
    refuses(call("    type: data/value\n"))
    refuses(call("    params: {}\n    with: {}\n"))
    refuses(call("    needs: a\n    dependencies: [a]\n"))
    refuses(`max_concurrency: 3\nmax_parallel_tasks: 3\n${call("")}`)
  })

  it("call methods that there are", () => {
    refuses(call("", "data/valu"))
    refuses(call("", "value"))
    refuses(call("    protocol: llm/v1\n"))
    refuses(call("    protocol: data/v2\n"))
    accepts(call("", "old/do"))
  })

  it("give a method its params", () => {
    refuses(call("", "llm/chat"))
    refuses(call("    params: {}\n", "llm/chat"))
    refuses(call("    with: { promt: x }\n", "llm/chat"))
    refuses(call("    parameters: { prompt: x, temperature: hot }\n", "llm/chat"))
    refuses("tasks: [{ protocol: llm/v1, type: chat, params: { prompt: x, top_p: 7 } }]")
    refuses(call("    params: { code: x, file: y }\n", "python/execute"))
    accepts(call("    params: { prompt: x, temperature: '${a.b}', timeout: 5s }\n", "llm/chat"))
    accepts(call("    params: { messages: '${a}', stop: ['${a}'], think: '${b}', schema: '${c}' }\n", "llm/chat"))
    accepts(call("    params: { messages: ['${a}', { role: '${b}', content: { any: thing } }] }\n", "llm/chat"))
  })

  it("hold workflows inside tasks, in each of three forms", () => {
    accepts("tasks: [{ id: a, workflow: flows/b.yaml, inputs: { x: 1 }, foreach: [1] }]")
    accepts("tasks: [{ id: a, workflow: [{ id: b, method: data/value }] }]")
    accepts("tasks: [{ id: a, workflow: { inputs: { x: }, tasks: [{ method: data/value }], outputs: { y: 1 } } }]")
    refuses("tasks: [{ id: a, workflow: [{ id: b, method: data/valu }] }]")
    refuses("tasks: [{ id: a, workflow: { tasks: [{ method: data/value }], timeout: 5 } }]")
    refuses("tasks: [{ id: a, workflow: x.yaml, method: data/value }]")
    refuses("tasks: [{ id: a, workflow: x.yaml, with: {} }]")
    refuses(call("    inputs: { x: 1 }\n"))
  })

  it.prop(
    "of any workflow are right, as YAML and as JSON",
    { workflow: Arbitraries.workflow({ effects: true, nested: true, repeat: true }) },
    ({ workflow }) => {
      const document = written(workflow)
      assert.strictEqual(wrong(yaml(stringify(document))), "")
      assert.strictEqual(wrong(JSON.parse(JSON.stringify(document))), "")
    },
    { arbitrary: { runs: 40 } }
  )
})

/** What people write, or may mistake for it. */
const values: ReadonlyArray<Schema.Json> = [
  null,
  true,
  false,
  0,
  1,
  2,
  3,
  4,
  -1,
  0.5,
  0.0001,
  1000,
  1001,
  "",
  " ",
  "a",
  "5",
  "5s",
  "1h 30m",
  "30m 1h",
  "5 hours",
  "-5",
  "high",
  "urgnt",
  "fail",
  "continue",
  "fixed",
  "reads",
  "${a}",
  "true",
  [],
  ["a"],
  ["a", 5],
  [""],
  [true],
  [{}],
  {},
  { a: 1 },
  { type: "string" },
  { a: { type: "string" } },
  { a: { type: "strin" } },
  { a: null },
  { max_attempts: 3 },
  { max_attempts: 0 },
  { delay: "1s", max_delay: 5, jitter: true, backoff: "linear" },
  { until: "x", max: 3 },
  { until: true, max: 5000 },
  { ttl: "1d" },
  { key: "" },
  { tokens: 5 },
  { tokens: 0 },
  { calls: 1.5, duration: "2m" },
  { duration: "soon" },
  { model: "m" },
  { timeout: "5m", on_error: "continue", retry: { on: [-1] } },
  { on: ["A", true] }
]

/** A document that differs from a right one in one value. */
const placed = (owner: "workflow" | "task", key: string, value: Schema.Json): Schema.Json => {
  if (owner === "workflow") return { tasks: [{ method: "data/value" }], [key]: value }
  if (key === "inputs") return { tasks: [{ workflow: [{ method: "data/value" }], inputs: value }] }
  if (key === "workflow") return { tasks: [{ workflow: value }] }
  const around = { method: "data/value", ...(key === "concurrency" ? { foreach: [1] } : {}) }
  return { tasks: [{ ...around, [key]: value }] }
}

const places = [
  ...Object.keys(Spelling.workflow.names).map((key) => ({ owner: "workflow" as const, key })),
  ...Object.keys(Spelling.task.names).map((key) => ({ owner: "task" as const, key }))
].filter(({ key }) => !["type", "method", "protocol", "tasks"].includes(key))

describe("a value", () => {
  it.each(places)(
    "under $key of a $owner is right in an editor when it is read, and wrong when not",
    ({ key, owner }) => {
      for (const value of values) {
        const document = placed(owner, key, value)
        const { diagnostics } = WorkflowFile.fromValue(document)
        const read = !diagnostics.some(({ severity }) => severity === "error")
        const fits = isRight(document)
        const shown = `${JSON.stringify(value)}: ${diagnostics.map(({ message }) => message).join()} ${wrong(document)}`
        if (read) assert.isTrue(fits, shown)
        // which files there are only the reader knows
        else if (key !== "workflow" || typeof value !== "string" || value === "") assert.isFalse(fits, shown)
      }
    }
  )

  const Part = Schema.Literals(["1", "30", ".5", "2.", " ", "d", "h", "m", "s", "ms", "-", "x", "1h", "30m", "5s"])

  it.prop("is a duration for an editor when it is one", { parts: Schema.Array(Part) }, ({ parts }) => {
    const text = parts.join("")
    assert.strictEqual(
      check(Field.duration(0).schema, text).length === 0,
      text.length <= 100 && Result.isSuccess(Duration.parse(text)),
      JSON.stringify(text)
    )
  })
})

const Leaf = Schema.Literals([
  "code",
  "odd",
  "string",
  "long",
  "number",
  "integer",
  "boolean",
  "enum",
  "const",
  "list",
  "any",
  "date"
])
const Shape = Schema.Struct({
  leaves: Schema.Array(Schema.Tuple([Leaf, Schema.Literals(["alone", "list", "pair", "map", "either", "ref"])])).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(5)
  ),
  /** Which values are references. */
  open: Schema.Array(Schema.Boolean)
})

const leaf: Record<typeof Leaf.Type, readonly [schema: JsonSchema.JsonSchema, value: Schema.Json]> = {
  string: [{ type: "string", minLength: 1 }, "x"],
  code: [{ type: ["string", "null"], minLength: 9, pattern: "^[a-z]*$" }, "abcdefghij"],
  odd: [{ type: "number", maxLength: 2, pattern: "^x$", format: "date" }, 5],
  long: [{ type: "string", allOf: [{ minLength: 7, maxLength: 9, description: "x" }] }, "seven or".slice(0, 8)],
  number: [{ type: "number", exclusiveMinimum: 1 }, 2],
  integer: [{ type: ["integer", "null"], allOf: [{ multipleOf: 2 }] }, 4],
  boolean: [{ type: "boolean" }, true],
  enum: [{ enum: ["a", 5] }, 5],
  const: [{ const: { a: 1 } }, { a: 1 }],
  list: [{ type: "array", items: { type: "number" }, minItems: 1, uniqueItems: true }, [1, 2]],
  any: [{}, { any: "thing" }],
  date: [
    {
      oneOf: [
        { type: "string", format: "date" },
        { type: "string", pattern: "^now$" }
      ]
    },
    "2026-01-31"
  ]
}

const shaped = ({ leaves, open }: typeof Shape.Type) => {
  const reference = (n: number, value: Schema.Json): Schema.Json => (open[n % open.length] === true ? "${a.b}" : value)
  const parts = leaves.map(([name, shape], n) => {
    const [schema, plain] = leaf[name]
    const value = reference(n, plain)
    switch (shape) {
      case "alone":
        return [schema, value] as const
      case "list":
        return [{ type: "array", items: schema }, [value, plain]] as const
      case "pair":
        return [
          { type: "array", prefixItems: [schema, { type: "null" }], items: schema },
          [value, null, value]
        ] as const
      case "map":
        return [{ type: "object", additionalProperties: schema }, { x: value }] as const
      case "either":
        return [{ anyOf: [{ type: "null" }, schema] }, value] as const
      case "ref":
        return [{ $ref: `#/$defs/${name}`, description: "x" }, value] as const
    }
  })
  return {
    schema: {
      type: "object",
      properties: Object.fromEntries(parts.map(([schema], n) => [`p${n}`, schema])),
      required: parts.map((_, n) => `p${n}`),
      additionalProperties: false,
      $defs: Object.fromEntries(leaves.map(([name]) => [name, leaf[name][0]]))
    },
    value: Object.fromEntries(parts.map(([, value], n) => [`p${n}`, value]))
  }
}

describe("params", () => {
  const standing = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => ({
    $schema: "http://json-schema.org/draft-07/schema#",
    allOf: [{ $ref: "#/definitions/x" }],
    definitions: { x: TemplateSchema.make(schema, "#/definitions/x") }
  })

  it.prop("that are right stay right in draft-07, with references for any part", { shape: Shape }, ({ shape }) => {
    const { schema, value } = shaped(shape)
    assert.deepStrictEqual(check(standing(schema), value), [], JSON.stringify(standing(schema)))
  })

  it.prop("that are wrong stay wrong", { shape: Shape, at: Schema.Int }, ({ at, shape }) => {
    const { schema, value } = shaped({ ...shape, open: [] })
    const name = `p${Math.abs(at % shape.leaves.length)}`
    const mistaken: Schema.Json = { ...value, [name]: { not: ["this"] } }
    const { [name]: _, ...missing } = value
    assert.isNotEmpty(check(standing(schema), missing))
    assert.isNotEmpty(check(standing(schema), { ...value, more: 1 }))
    if (check(schema, mistaken).length > 0) assert.isNotEmpty(check(standing(schema), mistaken), JSON.stringify(schema))
  })

  it("lead an editor nowhere else", () => {
    const made = TemplateSchema.make(
      {
        $id: "https://example.com/x",
        $schema: "https://json-schema.org/draft/2020-12/schema",
        properties: { a: { $ref: "https://example.com/y" }, b: { $dynamicRef: "#z" }, c: { $ref: "#/$defs/c" } },
        $defs: { c: { $ref: "#/properties/a" }, d: {} }
      },
      "#/definitions/x"
    )
    assert.deepStrictEqual(made, {
      properties: { a: {}, b: {}, c: { $ref: "#/definitions/x/definitions/c" } },
      definitions: { c: { $ref: "#/definitions/x/properties/a" } }
    })
  })

  it("keep what they refer to, whatever it is called and however much there is", () => {
    const names = ["a/b~c d", "é", ...Array.from({ length: 3000 }, (_, n) => `n${n}`)]
    const step = (name: string) => encodeURI(name.replaceAll("~", "~0").replaceAll("/", "~1"))
    const $defs = Object.fromEntries(
      names.map((name, n) => [
        name,
        { description: "x".repeat(1000), properties: { next: { $ref: `#/$defs/${step(names[n + 1] ?? "none")}` } } }
      ])
    )
    const made = TemplateSchema.make({ $ref: `#/$defs/${step("a/b~c d")}`, $defs }, "#/definitions/x")
    assert.deepStrictEqual(Object.keys(Object(made["definitions"])), names)
  })

  it("take no reference where nothing fits", () => {
    const chat = Protocol.contracts(LlmV1).find(({ method }) => method === "llm/chat")
    const validator = new Validator(TemplateSchema.make(chat?.params ?? {}, "#/definitions/x"), "7")
    assert.isTrue(validator.validate({ prompt: "${a}", model: "${b}" }).valid)
    assert.isFalse(validator.validate({ prompt: "${a}", tools: "${b}" }).valid)
  })

  it("are text where a method takes code", () => {
    const params = TemplateSchema.make(Protocol.contracts(PythonV1)[0]?.params ?? {}, "#/definitions/x")
    assert.strictEqual(JSON.stringify(params).includes("segments"), false)
    assert.isNotEmpty(check(params, { code: { source: "x", segments: [], values: {} } }))
  })

  it("of a task that calls a model may leave the model to `defaults`", () => {
    const params = { type: "object", properties: { model: { type: "string" } }, required: ["model"] }
    const schema = WorkflowSchema.make([contract("llm/chat", params), contract("tts/say", params)])
    const task = (method: string) => ({ defaults: { model: "m" }, tasks: [{ method }] })
    assert.isEmpty(check(schema, task("llm/chat")))
    assert.isNotEmpty(check(schema, task("tts/say")))
  })
})

describe("the schema", () => {
  it("is draft-07 and refers to itself alone", () => {
    const text = JSON.stringify(schema)
    // the words of an input's schema are those of any draft
    const { input, ...definitions } = JSON.parse(text).definitions
    assert.isDefined(input)
    for (const word of ["$defs", "prefixItems", "dependentRequired", "unevaluated", "x-gleitzeit", "$dynamic"]) {
      assert.notInclude(JSON.stringify(definitions), `"${word}`)
    }
    for (const [, ref = ""] of text.matchAll(/"\$ref":"([^"]*)"/g)) assert.match(ref, /^#\/definitions\//)
    assert.strictEqual(schema["$schema"], "http://json-schema.org/draft-07/schema#")
    assert.strictEqual(
      WorkflowSchema.make([], { id: "https://example.com/w.json" })["$id"],
      "https://example.com/w.json"
    )
  })

  it("describes every key, once with Markdown and once without", () => {
    for (const keys of [
      Spelling.workflow,
      Spelling.task,
      Spelling.retry,
      Spelling.repeat,
      Spelling.cache,
      Spelling.budget
    ]) {
      for (const [name, key] of Object.entries<Keys.Key>(keys.names)) {
        assert.match(key.description, /\.$/, name)
        assert.notInclude(String(Keys.property(key)["description"]), "`", name)
      }
    }
  })

  it("marks methods that are deprecated", () => {
    const text = JSON.stringify(schema)
    assert.include(text, '"deprecationMessage":"old/do is deprecated, use data/value instead"')
    assert.include(text, "Does old/do. **Deprecated**: use `data/value`.")
  })
})
