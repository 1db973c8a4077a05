import { assert, describe, it } from "@effect/vitest"
import { type Contract, DataV1, HumanV1, LlmV1, Protocol, type Workflow, WorkflowFile } from "@gleitzeit/core"
import { ScriptedProvider } from "@gleitzeit/testkit"
import * as Signature from "../src/Signature.ts"

const contracts: ReadonlyArray<Contract.Contract> = [
  DataV1.DataV1,
  HumanV1.HumanV1,
  LlmV1.LlmV1,
  ScriptedProvider.ScriptV1
].flatMap((protocol) => Protocol.contracts(protocol))

const workflow = (text: string): Workflow.Workflow => {
  const { diagnostics, workflow } = WorkflowFile.parse({ text })
  if (workflow === undefined) throw new Error(JSON.stringify(diagnostics))
  return workflow
}

describe("what goes in", () => {
  it("is what is declared, and nothing else; a secret says that it is never shown", () => {
    const { properties, required, additionalProperties } = Signature.inputs(
      workflow(`
inputs:
  topic: { type: string, minLength: 1 }
  depth: { type: integer, default: 2 }
  key: { type: string, secret: true }
tasks: [{ id: a, method: data/value, params: { x: 1 } }]
`)
    )
    assert.deepStrictEqual(properties, {
      topic: { type: "string", minLength: 1 },
      depth: { type: "integer", default: 2 },
      key: { type: "string", writeOnly: true }
    })
    assert.deepStrictEqual(required, ["topic", "key"])
    assert.isFalse(additionalProperties)
  })
})

describe("what comes out", () => {
  it("is as the contracts promise, and open where nobody promises", () => {
    const { properties } = Signature.outputs(
      workflow(`
inputs: { n: { type: integer } }
tasks:
  - { id: chat, method: llm/chat, params: { prompt: hi } }
  - { id: each, foreach: [1, 2], method: llm/chat, params: { prompt: "\${item}" } }
  - { id: any, method: script/do }
  - { id: inner, workflow: { tasks: [{ id: x, method: llm/chat, params: { prompt: hi } }], outputs: { said: "\${x.content}" } } }
outputs:
  said: \${chat.content}
  all: \${each.content}
  any: \${any}
  text: "n is \${inputs.n}"
  n: \${inputs.n}
  inner: \${inner}
`),
      contracts
    )
    assert.deepStrictEqual(properties, {
      said: { type: "string", description: "The text." },
      all: { type: "array", items: { type: "string", description: "The text." } },
      any: {},
      text: { type: "string" },
      n: { type: "integer" },
      inner: { type: "object", properties: { said: { type: "string", description: "The text." } } }
    })
  })

  it("holds no words that a reader of schemas might not know", () => {
    const outputs = Signature.outputs(
      workflow("tasks: [{ id: a, method: llm/chat, params: { prompt: hi } }]\noutputs: { a: '${a}' }\n"),
      contracts
    )
    const known = new Set(["type", "description", "enum", "properties", "items", "additionalProperties", "anyOf"])
    const words = (schema: unknown): ReadonlyArray<string> => {
      if (Array.isArray(schema)) return schema.flatMap(words)
      if (typeof schema !== "object" || schema === null) return []
      return Object.entries(schema).flatMap(([word, value]) =>
        word === "properties" ? [word, ...Object.values(value).flatMap(words)] : [word, ...words(value)]
      )
    }
    assert.deepStrictEqual(
      [...new Set(words(outputs))].filter((word) => !known.has(word)),
      []
    )
    assert.isAbove(words(outputs).length, 10)
  })
})

describe("a workflow", () => {
  const hints = (task: string) => Signature.hints(workflow(`tasks: [${task}]\n`), contracts).readOnlyHint

  it("only reads when all its tasks do, those inside others too", () => {
    assert.isTrue(hints("{ id: a, method: script/do }"))
    assert.isFalse(hints("{ id: a, method: script/do }, { id: b, method: script/write }"))
    assert.isTrue(hints("{ id: a, method: script/write, effects: reads }"))
    assert.isFalse(hints("{ id: a, method: script/do, effects: writes }"))
    assert.isTrue(hints("{ id: a, workflow: { tasks: [{ id: b, method: script/do }] } }"))
    assert.isFalse(hints("{ id: a, workflow: { tasks: [{ id: b, method: script/write }] } }"))
    assert.isFalse(hints("{ id: a, method: no/such }"))
  })
})
