/** What a provider says about itself, before anybody calls it. */
import { assert } from "@effect/vitest"
import { type Contract, JsonSchemaCheck, type Provider } from "@gleitzeit/core"
import { Effect } from "effect"
import { contractsOf, issueOf, type Suite } from "./ProviderSample.ts"

export const define = ({ fact, open }: Suite): void => {
  fact(
    "says who it is, what it can do, and how many calls it takes at once",
    Effect.gen(function* () {
      for (const { capabilities, concurrency, name, protocol } of (yield* open).providers) {
        assert.isNotEmpty(name, `a provider of ${protocol} has a name`)
        assert.match(protocol, /^[^/\s]+\/v\d+$/, `${name}: a protocol is a name and a version`)
        const isLimit = concurrency === Infinity || (Number.isInteger(concurrency) && concurrency > 0)
        assert.isTrue(isLimit, `${name}: \`concurrency\` is a whole number from 1 or Infinity, not ${concurrency}`)
        for (const capability of ["streaming", "batch", "caching", "sandboxed"] as const) {
          assert.isBoolean(capabilities[capability], `${name}: the capability ${capability}`)
        }
      }
    })
  )

  fact(
    "says in words what each method does, and whether it changes anything",
    Effect.gen(function* () {
      for (const provider of (yield* open).providers) {
        const contracts = yield* contractsOf(provider)
        const methods = contracts.map(({ method }) => method)
        assert.isNotEmpty(methods, `${provider.name} has a method`)
        assert.lengthOf(
          new Set(methods),
          methods.length,
          `${provider.name} has each method once: ${methods.join(", ")}`
        )
        for (const contract of contracts) {
          const about = `${provider.name} ${contract.method}`
          assert.match(contract.method, /^\S+$/, `${about}: a method's name has no spaces and is not empty`)
          assert.strictEqual(contract.protocol, provider.protocol, `${about}: the protocol of its contract`)
          assert.include(["reads", "writes"], contract.effects, `${about}: \`effects\``)
          assert.match(contract.description, /\S/, `${about} has a description`)
          if (contract.provider !== undefined) {
            assert.strictEqual(contract.provider, provider.name, `${about}: the provider of its contract`)
          }
        }
      }
    })
  )

  fact(
    "describes params and results in JSON Schema that can be used, and that is JSON",
    Effect.gen(function* () {
      for (const provider of (yield* open).providers) {
        for (const contract of yield* contractsOf(provider)) {
          for (const part of ["params", "result"] as const) {
            const problem = unusable(contract[part])
            assert.isUndefined(problem, `${provider.name} ${contract.method}: the schema of its ${part}: ${problem}`)
          }
          const isObject = issueOf(contract.params, []) !== undefined && issueOf(contract.params, "text") !== undefined
          assert.isTrue(
            isObject,
            `${provider.name} ${contract.method}: its params are an object, and its schema says so`
          )
        }
      }
    })
  )

  fact(
    "gives examples that its own schemas allow",
    Effect.gen(function* () {
      for (const provider of (yield* open).providers) {
        for (const { examples = [], method, params, result } of yield* contractsOf(provider)) {
          examples.forEach((example, n) => {
            const about = `${provider.name} ${method}: example ${n + 1}`
            const wrong = issueOf(params, example.params)
            assert.isUndefined(wrong, `${about}: its params: ${wrong}`)
            const wrongResult = issueOf(result, example.result)
            assert.isUndefined(wrongResult, `${about}: its result: ${wrongResult}`)
          })
        }
      }
    })
  )

  fact(
    "says the same about itself whenever it is asked",
    Effect.gen(function* () {
      const { again, close, providers } = yield* open
      const first = yield* Effect.forEach(providers, written)
      assert.deepStrictEqual(yield* Effect.forEach(providers, written), first, "asked twice")
      yield* close
      const { providers: others } = yield* again
      assert.deepStrictEqual(yield* Effect.forEach(others, written), first, "its layer built once more")
    })
  )
}

// internal

/** Contracts as they cross borders. */
const written = (provider: Provider.Provider) =>
  Effect.map(contractsOf(provider), (contracts) => [
    provider.name,
    provider.protocol,
    contracts.map((contract): unknown => JSON.parse(JSON.stringify(contract)))
  ])

/** Why a schema is none. */
export const unusable = (schema: Contract.Contract["params"]): string | undefined => {
  let text: string
  try {
    text = JSON.stringify(schema)
    assert.deepStrictEqual(JSON.parse(text), schema)
  } catch {
    return "it is no JSON"
  }
  for (const value of [null, {}, [], "text", 1]) {
    const [issue] = JsonSchemaCheck.check(schema, value).filter(({ keyword }) => keyword === "schema")
    if (issue !== undefined) return issue.message
  }
  return wrongPart(schema, schema)
}

/** What a validator meets with certain values alone: a reference to nothing, a pattern that is none. */
const wrongPart = (part: unknown, root: unknown): string | undefined => {
  if (typeof part !== "object" || part === null) return undefined
  for (const [key, value] of Object.entries(part)) {
    if (key === "$ref" && typeof value === "string" && value.startsWith("#") && !leads(root, value)) {
      return `${value} leads to nothing`
    }
    if (key === "pattern" && typeof value === "string" && !isPattern(value)) return `${value} is no pattern`
    if (key === "type" && typeof value === "string" && !types.has(value)) return `"${value}" is no type`
    // values, not schemas
    if (!["enum", "const", "default", "examples", "x-gleitzeit"].includes(key)) {
      const found = wrongPart(value, root)
      if (found !== undefined) return found
    }
  }
  return undefined
}

const types = new Set(["null", "boolean", "object", "array", "number", "integer", "string"])

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
const leads = (root: unknown, reference: string): boolean => {
  let value = root
  for (const step of decodeURIComponent(reference).split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  }
  return value !== undefined
}

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text, "u").source !== ""
  } catch {
    return false
  }
}
