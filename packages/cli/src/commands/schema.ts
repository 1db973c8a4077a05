/** `gleitzeit schema [--out FILE]` */
import { Gleitzeit, WorkflowSchema } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command, Flag } from "../Cli.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Text from "../Text.ts"
import { silent } from "./providers.ts"

export const schema = Command.make(
  "schema",
  {
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write it there instead of printing it"),
      Flag.optional
    )
  },
  Effect.fn("gleitzeit.schema")(function* ({ out }) {
    const output = yield* Output
    const file = Option.getOrUndefined(out)
    if (file !== undefined) yield* Documents.writable("--out", file)
    const contracts = yield* (yield* Gleitzeit.Gleitzeit).contracts
    const schema = WorkflowSchema.make(contracts)
    yield* silent
    if (file === undefined) {
      return yield* output.options.json ? output.json(schema) : output.data(JSON.stringify(schema, null, 2))
    }
    yield* Documents.write("--out", file, `${JSON.stringify(schema, null, 2)}\n`)
    const methods = new Set(contracts.map(({ method }) => method)).size
    const modeline = modelineOf(file)
    if (output.options.json) return yield* output.json({ file, methods, modeline })
    if (output.options.quiet) return
    yield* output.note(
      [
        `${output.style.green(output.style.signs.completed)} ${file}: the workflow format with ${Text.count(methods, "method")}`,
        "An editor with the YAML language server reads it by this first line of a workflow:",
        `  ${modeline}`
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Print the JSON Schema of workflow files, with the methods of the providers on duty, for editors"
  ),
  Command.withShortDescription("Print the JSON Schema of workflow files"),
  Command.withExamples([{ command: "gleitzeit schema --out gleitzeit.schema.json" }]),
  Command.provide(() => Bundle.layer({ store: "none" }))
)

// internal

/** Relative to the workflow, which is taken to lie in the current folder. */
const modelineOf = (file: string): string => {
  const path = file.replaceAll("\\", "/")
  return `# yaml-language-server: $schema=${/^(?:\.{0,2}\/|[A-Za-z]:)/.test(path) ? path : `./${path}`}`
}
