/**
 * `python/v1`: code and scripts in Python. Words only: which interpreter runs them, and what they may touch, is a
 * provider's matter.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const source = {
  code: described(
    Protocol.code("python"),
    "Python source. `${...}` in it is data: inside a string its text, elsewhere a value; never more source."
  ),
  file: described(Protocol.file, "A Python file instead of `code`. Runs as `__main__` in its own folder."),
  script: described(Protocol.file, "The same as `file`.")
}

const oneSource = Schema.makeFilter(
  (params: { readonly code?: unknown; readonly file?: unknown; readonly script?: unknown }) => {
    const given = (["code", "file", "script"] as const).filter((name) => params[name] !== undefined)
    const found = given.length === 0 ? "none of them" : given.map((name) => `\`${name}\``).join(" and ")
    return given.length === 1 || `needs exactly one of \`code\`, \`file\` and \`script\`, and has ${found}`
  },
  { toJsonSchema: () => ({ oneOf: ["code", "file", "script"].map((name) => ({ required: [name] })) }) }
)

export const ExecuteParams = Schema.Struct({
  ...source,
  args: described(Schema.Json, "The variables `args` and `context`, and as JSON `sys.argv[1]`."),
  context: described(Schema.Json, "The same as `args`."),
  env: described(
    Schema.Record(Schema.String, Schema.String),
    "Environment variables beside the few that the provider passes on."
  ),
  stdin: described(Schema.String, "Text on standard input. Default: nothing."),
  sandbox: described(Schema.Boolean, "True: run it isolated, or not at all.")
}).check(
  oneSource,
  Schema.makeFilter(
    ({ args, context }) =>
      args === undefined || context === undefined || "`args` and `context` are the same param: give one of them",
    { toJsonSchema: () => ({ not: { required: ["args", "context"] } }) }
  )
)
export type ExecuteParams = typeof ExecuteParams.Type

export const ExecuteResult = Schema.Struct({
  /**
   * The variable `result`; without one, what the code printed last as JSON; without that, all it printed, as text;
   * null when it printed nothing. What JSON has no form for is `{"$type": ...}`.
   */
  result: Schema.Json,
  stdout: Schema.String,
  stderr: Schema.String,
  /** The same as `stdout`. */
  output: Schema.String,
  exit_code: Schema.Int,
  duration_ms: Schema.Finite,
  success: Schema.Literal(true),
  /** Output was longer than what is kept: its middle is left out. */
  truncated: Schema.optionalKey(Schema.Literal(true))
})
export type ExecuteResult = typeof ExecuteResult.Type

export const ValidateParams = Schema.Struct(source).check(oneSource)
export type ValidateParams = typeof ValidateParams.Type

export const PythonV1 = Protocol.make("python/v1", {
  description: "Code and scripts in Python",
  methods: {
    "python/execute": Method.make({
      description: "Runs Python code, or a Python file",
      effects: "writes",
      params: ExecuteParams,
      result: ExecuteResult,
      examples: [
        {
          params: { code: "result = sum(args['numbers'])", args: { numbers: [1, 2, 3] } },
          result: {
            result: 6,
            stdout: "",
            stderr: "",
            output: "",
            exit_code: 0,
            duration_ms: 34,
            success: true
          }
        },
        {
          params: { code: `import json\nprint("counting")\nprint(json.dumps({"words": 3}))` },
          result: {
            result: { words: 3 },
            stdout: `counting\n{"words": 3}\n`,
            stderr: "",
            output: `counting\n{"words": 3}\n`,
            exit_code: 0,
            duration_ms: 35,
            success: true
          }
        }
      ]
    }),
    "python/validate": Method.make({
      description: "Reads Python code, or a Python file, without running it",
      effects: "reads",
      params: ValidateParams,
      result: Schema.Struct({
        valid: Schema.Boolean,
        /** Lines and columns from 1; lines of the workflow's file where the code stands in one line by line. */
        errors: Schema.Array(Schema.Struct({ line: Schema.Int, column: Schema.Int, message: Schema.String }))
      }),
      optional: true,
      examples: [
        { params: { code: "total = 1 + 2" }, result: { valid: true, errors: [] } },
        {
          params: { code: "for = 3" },
          result: { valid: false, errors: [{ line: 1, column: 5, message: "invalid syntax" }] }
        }
      ]
    }),
    "python/info": Method.make({
      description: "Which Python runs the code",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Struct({ version: Schema.String, executable: Schema.String, prefix: Schema.String }),
      optional: true,
      examples: [{ params: {}, result: { version: "3.12.4", executable: "/usr/bin/python3.12", prefix: "/usr" } }]
    })
  }
})
