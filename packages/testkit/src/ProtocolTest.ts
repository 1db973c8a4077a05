/**
 * What a protocol must be, as tests: `ProtocolTest.suite(MyV1)` in a test file. It holds words and schemas alone: what a
 * provider makes of them is `ProviderTest`'s matter.
 */
import { assert, describe, it } from "@effect/vitest"
import { Contract, type Method, Protocol } from "@gleitzeit/core"
import { Effect, Result, Schema } from "effect"
import { unusable } from "./ContractFacts.ts"
import { issueOf, short } from "./ProviderSample.ts"

export interface Options {
  /** Methods that take params of any name. Default: none. */
  readonly open?: ReadonlyArray<string>
}

export interface Fact {
  readonly name: string
  /** Throws when the protocol is not as it must be, and says which method and what was expected. */
  readonly body: () => void
}

export const suite = (protocol: Protocol.Protocol, options: Options = {}): void => {
  describe(`protocol ${protocol.id}`, () => {
    for (const fact of facts(protocol, options)) it.effect(fact.name, () => Effect.sync(fact.body))
  })
}

export const facts = (protocol: Protocol.Protocol, { open = [] }: Options = {}): ReadonlyArray<Fact> => {
  const methods = Object.entries(protocol.methods)
  return [
    {
      name: "has a name, a version, and words for people",
      body: () => {
        assert.match(protocol.id, /^[a-z][a-z0-9_-]*\/v[1-9]\d*$/, "a protocol is a name and a version: `weather/v1`")
        assert.match(protocol.description, /\S/, `${protocol.id} has a description`)
        assert.isNotEmpty(methods, `${protocol.id} has a method`)
      }
    },
    {
      name: "has methods under its own name, each with words and with what it changes",
      body: () => {
        const prefix = `${protocol.id.split("/")[0]}/`
        for (const [name, { description, effects }] of methods) {
          assert.isTrue(name.startsWith(prefix) && name.length > prefix.length, `${name} begins with "${prefix}"`)
          assert.match(description, /\S/, `${name} has a description`)
          assert.include(["reads", "writes"], effects, `${name}: \`effects\``)
        }
      }
    },
    {
      name: "has schemas that are JSON Schema too",
      body: () => {
        for (const { method, params, result } of contractsOf(protocol)) {
          for (const [schema, part] of [
            [params, "params"],
            [result, "result"]
          ] as const) {
            const problem = unusable(schema)
            assert.isUndefined(problem, `${method}: the schema of its ${part}: ${problem}`)
          }
        }
      }
    },
    {
      name: "has an example of each method",
      body: () => {
        for (const [name, { examples }] of methods) assert.isNotEmpty(examples, `${name} has an example`)
      }
    },
    {
      name: "has examples that decode, and encode to what they were",
      body: () => {
        for (const [name, method] of methods) {
          const contract = contractsOf(protocol).find(({ method }) => method === name)
          method.examples.forEach((example, n) => {
            for (const part of ["params", "result"] as const) {
              const about = `${name}: example ${n + 1}: its ${part}`
              const issue = wrongIn(method[part], example[part], part)
              assert.isUndefined(issue, `${about}: ${issue}`)
              const other = contract === undefined ? undefined : issueOf(contract[part], example[part])
              assert.isUndefined(other, `${about}, by JSON Schema: ${other}`)
            }
          })
        }
      }
    },
    {
      name: "takes no params that it does not know",
      body: () => {
        for (const [name, method] of methods) {
          const contract = contractsOf(protocol).find(({ method }) => method === name)
          const [example] = method.examples
          if (open.includes(name) || contract === undefined || example === undefined) continue
          const params = { ...Object(example.params), no_such_param: 1 }
          assert.isDefined(issueOf(contract.params, params), `${name} refuses params it does not know, by JSON Schema`)
          const decoded = Schema.decodeUnknownResult(Schema.toCodecJson(method.params))(params, strict)
          assert.isTrue(Result.isFailure(decoded), `${name} refuses params it does not know`)
        }
      }
    },
    {
      name: "has marks where they are found: on a param, or on the items of one",
      body: () => {
        for (const contract of contractsOf(protocol)) {
          const found = new Set(Contract.marks(contract).keys())
          const properties = contract.params["properties"]
          for (const [name, property] of Object.entries(Object(properties))) {
            const wrong = marksIn(property, contract.params).find(({ kind }) => !kinds.has(kind))
            assert.isUndefined(wrong, `${contract.method}: "${name}" is marked as ${wrong?.kind}, which is no mark`)
            const isFound = found.has(name) || marksIn(property, contract.params).length === 0
            assert.isTrue(isFound, `${contract.method}: a mark inside of "${name}" stands too deep to be found`)
          }
          const elsewhere = marksIn({ ...contract.params, properties: {} }, contract.params)
          const inProperties = Object.values(Object(properties)).flatMap((part) => marksIn(part, contract.params))
          assert.isTrue(
            elsewhere.length === 0 || inProperties.length > 0 || found.size > 0,
            `${contract.method}: a mark stands beside its params`
          )
          assert.isEmpty(marksIn(contract.result, contract.result), `${contract.method}: its result has marks`)
        }
      }
    }
  ]
}

// internal

const strict = { onExcessProperty: "error", errors: "all" } as const

const contractsOf = (protocol: Protocol.Protocol): ReadonlyArray<Contract.Contract> => Protocol.contracts(protocol)

/** Why an example is none: it cannot be read, or comes back as something else. Params may have defaults filled in. */
const wrongIn = (
  schema: Method.Method["params"],
  value: Schema.Json,
  part: "params" | "result"
): string | undefined => {
  const codec = Schema.toCodecJson(schema)
  const decoded = Schema.decodeUnknownResult(codec)(value, strict)
  if (Result.isFailure(decoded)) return decoded.failure.message
  const encoded = Schema.encodeUnknownResult(codec)(decoded.success)
  if (Result.isFailure(encoded)) return encoded.failure.message
  const again = Schema.decodeUnknownResult(codec)(encoded.success, strict)
  if (Result.isFailure(again)) return `it comes back as ${short(encoded.success)}, which cannot be read`
  try {
    assert.deepStrictEqual(again.success, decoded.success)
    if (part === "result") assert.deepStrictEqual(encoded.success, value)
    return undefined
  } catch {
    return `it comes back as ${short(encoded.success)}`
  }
}

const kinds = new Set(["code", "file", "model"])

/** The marks in a schema, however deep, each once. */
const marksIn = (schema: unknown, root: unknown): ReadonlyArray<{ readonly kind: string }> => {
  const seen = new Set<unknown>([schema])
  const found: Array<{ readonly kind: string }> = []
  for (const part of seen) {
    if (typeof part !== "object" || part === null) continue
    for (const [key, value] of Object.entries(part)) {
      if (key === "x-gleitzeit") found.push({ kind: String(Reflect.get(Object(value), "kind")) })
      else if (key === "$ref" && typeof value === "string") seen.add(definition(root, value))
      else if (key !== "$defs") seen.add(value)
    }
  }
  return found
}

const definition = (root: unknown, reference: string): unknown =>
  reference
    .split("/")
    .slice(1)
    .reduce<unknown>((value, step) => Reflect.get(Object(value), step), root)
