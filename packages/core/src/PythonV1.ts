/**
 * `python/v1`: code and scripts in Python. Words only: which interpreter runs them, and what they may touch, is a
 * provider's matter.
 */
import { Result, Schema, SchemaGetter } from "effect"
import * as Duration from "./Duration.ts"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

/**
 * How far code is kept apart from the machine. `none` and `rlimit` (limits of memory and processes) promise no
 * security; `strict` and `ns` confine files, network and system calls; `container` is a container of its own.
 */
export const Level = Schema.Literals(["none", "rlimit", "strict", "ns", "container"])
export type Level = typeof Level.Type

const size = /^ *(\d+(?:\.\d+)?) *(?:([kmgtKMGT])(?:[iI]?[bB])?|[bB])? *$/

const sized = Schema.makeFilter(
  (text: string) => size.test(text) || `"${text.slice(0, 40)}" is no amount of memory, expected one such as 512M or 2G`,
  { toJsonSchema: () => ({ pattern: size.source, examples: ["512M", "2G"] }) }
)

/** Written as bytes, or as text such as `512M` and `1.5GiB`, in powers of 1024; decoded to bytes. At least 16 MiB. */
export const memory = (description: string): Schema.Codec<number, number | string> =>
  Schema.Union([Schema.Finite, Schema.String.check(sized)])
    .annotate({ description })
    .check(
      Schema.makeFilter(
        (written: number | string) => {
          const bytes = bytesOf(written)
          return bytes >= leastMemory || `${written} is less than the 16M that Python itself needs`
        },
        { toJsonSchema: () => ({ minimum: leastMemory }) }
      )
    )
    .pipe(
      Schema.decodeTo(Schema.Int, {
        decode: SchemaGetter.transform((written) => bytesOf(written)),
        encode: SchemaGetter.transform((bytes): number | string => bytes)
      })
    )

const timed = Schema.makeFilter(
  (text: string) => Result.match(Duration.parse(text), { onFailure: (issue) => issue, onSuccess: () => true }),
  { toJsonSchema: () => ({ pattern: Duration.pattern.source, examples: ["30s", "5m"] }) }
)

/** Written as seconds, or as text such as `30s` and `5m`; decoded to milliseconds. Above 0. */
export const duration = (description: string): Schema.Codec<number, number | string> =>
  Schema.Union([Schema.Finite, Schema.String.check(timed)])
    .annotate({ description })
    .check(
      Schema.makeFilter(
        (written: number | string) => {
          const milliseconds = Duration.parse(written)
          if (Result.isFailure(milliseconds)) return milliseconds.failure
          return milliseconds.success > 0 || "a time limit is above 0"
        },
        { toJsonSchema: () => ({ exclusiveMinimum: 0 }) }
      )
    )
    .pipe(
      Schema.decodeTo(Schema.Finite, {
        decode: SchemaGetter.transform((written) => Result.getOrElse(Duration.parse(written), () => 0)),
        encode: SchemaGetter.transform((milliseconds) => milliseconds / 1000)
      })
    )

/** Names of modules at their top: `json`, and not `json.decoder`. */
export const Modules = Schema.Array(
  Schema.String.check(
    Schema.makeFilter((name) => identifier.test(name) || "is no name of a top-level module, such as json", {
      toJsonSchema: () => ({ pattern: identifier.source, examples: ["json"] })
    })
  )
)

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

const python = described(
  Schema.NonEmptyString,
  "The interpreter, or the folder of a virtual environment, in place of the provider's: a path, or a name on the PATH."
)

const remedy = "install them into a virtual environment and name that by `python`"

const refused = `packages are not installed for a task; ${remedy}`

const oneSource = Schema.makeFilter(
  (params: { readonly code?: unknown; readonly file?: unknown; readonly script?: unknown }) => {
    const given = (["code", "file", "script"] as const).filter((name) => params[name] !== undefined)
    const found = given.length === 0 ? "none of them" : given.map((name) => `\`${name}\``).join(" and ")
    return given.length === 1 || `needs exactly one of \`code\`, \`file\` and \`script\`, and has ${found}`
  },
  { toJsonSchema: () => ({ oneOf: ["code", "file", "script"].map((name) => ({ required: [name] })) }) }
)

/** For the files that a provider reads, as for `code`: why source cannot be run as it asks to, if it cannot. */
export const refusal = (source: string): string | undefined =>
  inlineMetadata.test(source)
    ? `the source has inline script metadata (\`# /// script\`): ${refused}, and leave the block out`
    : undefined

export const ExecuteParams = Schema.Struct({
  ...source,
  args: described(Schema.Json, "The variables `args` and `context`, and as JSON `sys.argv[1]`."),
  context: described(Schema.Json, "The same as `args`."),
  env: described(
    Schema.Record(Schema.String, Schema.String),
    "Environment variables beside the few that the provider passes on."
  ),
  stdin: described(Schema.String, "Text on standard input. Default: nothing."),
  cwd: described(
    Protocol.folder,
    "The folder that it runs in. Default: the file's own; of `code` that of this process, or an empty one where it is isolated."
  ),
  python,
  timeout: Schema.optionalKey(
    duration("Longest time that the code may run: seconds, or text such as `30s`. Default: the provider's.")
  ),
  max_memory: Schema.optionalKey(
    memory("Memory that the code may hold: bytes, or text such as `512M`. Default: the provider's.")
  ),
  sandbox: described(
    Schema.Union([Schema.Boolean, Level]),
    "How it is isolated: a level, true for `strict`, false for `none`. A level that this machine lacks is an error."
  ),
  allowed_modules: described(
    Modules,
    "The modules that the code may import. A guard rail that names what is wrong, no boundary: see `sandbox`."
  ),
  requirements: Schema.optionalKey(Schema.Never.annotate({ message: refused, description: `Refused: ${refused}.` }))
}).check(
  oneSource,
  Schema.makeFilter(
    ({ args, context }) =>
      args === undefined || context === undefined || "`args` and `context` are the same param: give one of them",
    { toJsonSchema: () => ({ not: { required: ["args", "context"] } }) }
  ),
  Schema.makeFilter(({ code }) => code === undefined || refusal(typeof code === "string" ? code : code.source))
)
export type ExecuteParams = typeof ExecuteParams.Type

const said = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

export const ExecuteResult = Schema.Struct({
  result: said(
    Schema.Json,
    'The variable `result`; else what was printed last as JSON; else all that was printed, as text; else null. What JSON has no form for is `{"$type": ...}`.'
  ),
  stdout: said(Schema.String, "Standard output."),
  stderr: said(Schema.String, "Standard error."),
  output: said(Schema.String, "The same as `stdout`."),
  exit_code: said(Schema.Int, "Always 0: another one is a failure."),
  duration_ms: said(Schema.Finite, "From the start of the process to its end."),
  max_rss_kb: described(Schema.Int, "Most memory that it held at once, in KiB, where that is known."),
  success: said(Schema.Literal(true), "A task without success fails."),
  truncated: described(Schema.Literal(true), "Output was longer than what is kept: its middle is left out.")
})
export type ExecuteResult = typeof ExecuteResult.Type

export const ValidateParams = Schema.Struct({ ...source, python }).check(oneSource)
export type ValidateParams = typeof ValidateParams.Type

export const InfoParams = Schema.Struct({ python })
export type InfoParams = typeof InfoParams.Type

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
            max_rss_kb: 12_404,
            success: true
          }
        },
        {
          params: { code: `import json\nprint("counting")\nprint(json.dumps({"words": 3}))`, timeout: "30s" },
          result: {
            result: { words: 3 },
            stdout: `counting\n{"words": 3}\n`,
            stderr: "",
            output: `counting\n{"words": 3}\n`,
            exit_code: 0,
            duration_ms: 35,
            max_rss_kb: 12_404,
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
        valid: said(Schema.Boolean, "Whether there is no error."),
        errors: said(
          Schema.Array(Schema.Struct({ line: Schema.Int, column: Schema.Int, message: Schema.String })),
          "Lines from 1, of the workflow's file where the code stands in one line by line; columns of the code from 1."
        )
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
      params: InfoParams,
      result: Schema.Struct({
        version: said(Schema.String, "Such as `3.12.4`."),
        executable: said(Schema.String, "What is started: absolute."),
        prefix: said(Schema.String, "The virtual environment, or the installation."),
        packages: described(Schema.Record(Schema.String, Schema.String), "Installed packages, with their versions.")
      }),
      optional: true,
      examples: [
        {
          params: {},
          result: {
            version: "3.12.4",
            executable: "/usr/bin/python3.12",
            prefix: "/usr",
            packages: { pip: "24.0", requests: "2.32.3" }
          }
        }
      ]
    })
  }
})

// internal

/** @see https://packaging.python.org/en/latest/specifications/inline-script-metadata/ */
const inlineMetadata = /^# \/\/\/ script[ \t]*\r?$/m

const identifier = /^[\p{L}_][\p{L}\p{N}_]*$/u

const leastMemory = 16 * 1024 ** 2

const bytesOf = (written: number | string): number => {
  if (typeof written === "number") return Math.floor(written)
  const [, amount = "0", unit = ""] = size.exec(written) ?? []
  const bytes = Number(amount) * 1024 ** ["", "k", "m", "g", "t"].indexOf(unit.toLowerCase())
  return Math.min(Math.floor(bytes), Number.MAX_SAFE_INTEGER)
}
