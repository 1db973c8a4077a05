import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { marks } from "../src/Contract.ts"
import * as JsonSchemaCheck from "../src/JsonSchemaCheck.ts"
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

  it("takes time and memory as people write them", () => {
    const read = (params: object) => {
      const decoded = execute({ code: "1", ...params }, strict)
      return Result.isSuccess(decoded) ? decoded.success : decoded.failure.message
    }
    const { max_memory, timeout } = Object(read({ timeout: "1m 30s", max_memory: "512M" }))
    assert.deepStrictEqual([timeout, max_memory], [90_000, 512 * 1024 ** 2])
    for (const [written, bytes] of [
      ["1.5GiB", 1.5 * 1024 ** 3],
      ["64 mb", 64 * 1024 ** 2],
      ["20000000", 20_000_000],
      [20_000_000, 20_000_000]
    ]) {
      assert.propertyVal(Object(read({ max_memory: written })), "max_memory", bytes)
    }
    assert.include(String(read({ max_memory: "1K" })), "1K is less than the 16M that Python itself needs")
    assert.include(
      String(read({ max_memory: "lots" })),
      `"lots" is no amount of memory, expected one such as 512M or 2G`
    )
    assert.include(String(read({ timeout: 0 })), "a time limit is above 0")
    assert.include(String(read({ timeout: "soon" })), `"soon" is no duration`)
  })

  it("takes a level of isolation, and names of modules at their top", () => {
    for (const sandbox of [true, false, "none", "rlimit", "strict", "ns", "container"]) {
      assert.isTrue(Result.isSuccess(execute({ code: "1", sandbox }, strict)))
    }
    assert.include(issue(execute({ code: "1", sandbox: "jail" }, strict)), '"strict"')
    assert.isTrue(Result.isSuccess(execute({ code: "1", allowed_modules: ["json", "_io"] }, strict)))
    assert.include(
      issue(execute({ code: "1", allowed_modules: ["os.path"] }, strict)),
      "top-level module, such as json"
    )
  })

  it("refuses what asks for packages, with what to do", () => {
    const code = `# /// script\n# dependencies = ["requests"]\n# ///\n`
    const bound = { source: code, segments: [code], values: {} }
    for (const params of [{ code: "1", requirements: ["requests"] }, { code }, { code: bound }]) {
      assert.include(issue(execute(params, strict)), "packages are not installed for a task; install them into")
    }
  })

  it("says in its JSON Schema what time and memory are, and that packages are refused", () => {
    const [contract] = Protocol.contracts(PythonV1)
    if (contract === undefined) return assert.fail("no contract")
    const said = (params: Schema.JsonObject) =>
      JsonSchemaCheck.check(contract.params, { code: "1", ...params }).map(({ message }) => message)
    const none = [{ timeout: "1h 30m" }, { timeout: 0.5 }, { timeout: "90" }, { max_memory: "1.5 GiB" }]
    for (const params of none) assert.deepStrictEqual(said(params), [])
    assert.deepStrictEqual(said({ timeout: 0 }), ["expected more than 0, found 0"])
    assert.deepStrictEqual(said({ timeout: "soon" }), ['expected text such as "30s" or "5m", found "soon"'])
    assert.deepStrictEqual(said({ max_memory: 512 }), ["expected at least 16777216, found 512"])
    assert.deepStrictEqual(said({ max_memory: "lots" }), ['expected text such as "512M" or "2G", found "lots"'])
    assert.match(said({ requirements: ["requests"] }).join(), /^Refused: packages are not installed for a task; /)
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
      script: { kind: "file" },
      cwd: { kind: "file", folder: true }
    })
    const sources = ["code", "file", "script"].map((name) => ({ required: [name] }))
    assert.deepStrictEqual(contract.params["allOf"], [{ oneOf: sources }, { not: { required: ["args", "context"] } }])
  })
})
