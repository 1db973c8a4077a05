import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { marks } from "../src/Contract.ts"
import * as Protocol from "../src/Protocol.ts"
import { PythonV1 } from "../src/PythonV1.ts"

const strict = { onExcessProperty: "error", errors: "all" } as const
const execute = Schema.decodeUnknownResult(Schema.toCodecJson(PythonV1.methods["python/execute"].params))
const validate = Schema.decodeUnknownResult(Schema.toCodecJson(PythonV1.methods["python/validate"].params))

const issue = (decoded: Result.Result<unknown, { readonly message: string }>) =>
  Result.isFailure(decoded) ? decoded.failure.message : "no issue"

describe("python/v1", () => {
  it("holds examples that match its own schemas", () => {
    for (const { examples, params, result } of Object.values<Protocol.Protocol["methods"][string]>(PythonV1.methods)) {
      assert.isNotEmpty(examples)
      for (const example of examples) {
        Schema.decodeUnknownSync(Schema.toCodecJson(params))(example.params, strict)
        Schema.decodeUnknownSync(Schema.toCodecJson(result))(example.result, strict)
      }
    }
  })

  it("takes exactly one source", () => {
    for (const params of [{ code: "1" }, { file: "a.py" }, { script: "a.py" }]) {
      assert.isTrue(Result.isSuccess(execute(params, strict)), JSON.stringify(params))
      assert.isTrue(Result.isSuccess(validate(params, strict)), JSON.stringify(params))
    }
    for (const decode of [execute, validate]) {
      assert.include(
        issue(decode({}, strict)),
        "needs exactly one of `code`, `file` and `script`, and has none of them"
      )
      assert.include(issue(decode({ code: "1", script: "a.py" }, strict)), "and has `code` and `script`")
    }
  })

  it("takes args under one of their names, whatever they are", () => {
    for (const args of [null, false, 0, "", [], {}]) {
      assert.isTrue(Result.isSuccess(execute({ code: "1", args }, strict)))
      assert.isTrue(Result.isSuccess(execute({ code: "1", context: args }, strict)))
      assert.include(issue(execute({ code: "1", args, context: args }, strict)), "give one of them")
    }
  })

  it("takes code as core binds it", () => {
    const code = { source: "${a}", segments: [{ ref: "r0", raw: "${a}" }], values: { r0: 1 } }
    assert.isTrue(Result.isSuccess(execute({ code: { ...code, origin: { file: "w.yaml", line: 3 } } }, strict)))
  })

  it("marks code and files, and says in its JSON Schema that there is one of them", () => {
    const [contract] = Protocol.contracts(PythonV1)
    if (contract === undefined) return assert.fail("no contract")
    assert.deepStrictEqual(Object.fromEntries(marks(contract)), {
      code: { kind: "code", language: "python" },
      file: { kind: "file" },
      script: { kind: "file" }
    })
    const sources = ["code", "file", "script"].map((name) => ({ required: [name] }))
    assert.deepStrictEqual(contract.params["allOf"], [{ oneOf: sources }, { not: { required: ["args", "context"] } }])
  })
})
