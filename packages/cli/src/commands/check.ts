/** `gleitzeit check FILE...` */
import { type Diagnostic, Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import * as Documents from "../Documents.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Fault from "../Fault.ts"
import { McpDuty } from "../McpDuty.ts"
import { Output } from "../Output.ts"
import * as Text from "../Text.ts"

export const check = Command.make(
  "check",
  {
    files: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("Workflows in YAML or JSON; - reads standard input"),
      Argument.variadic({ min: 1 })
    )
  },
  Effect.fn("gleitzeit.check")(function* ({ files }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const sources = yield* Effect.forEach(files, (file) => Documents.read(file))
    const all: Array<Diagnostic.Diagnostic> = []
    const duty = yield* McpDuty
    for (const source of sources) {
      yield* duty.read(source.text)
      const { diagnostics } = yield* gleitzeit.check(source)
      all.push(...diagnostics)
    }
    const ok = !all.some(({ severity }) => severity === "error")
    if (output.options.json) yield* output.json({ ok, diagnostics: all })
    else {
      if (all.length > 0) yield* output.note(Fault.diagnostics(all, output))
      if (ok && !output.options.quiet) {
        const names = files.length === 1 ? sources.map(({ file }) => file).join("") : Text.count(files.length, "file")
        yield* output.note(`${output.style.green(output.style.signs.completed)} ${names}: nothing wrong`)
      }
    }
    if (!ok) return yield* new ExitCode.Ended({ exit: ExitCode.invalidWorkflow })
  })
).pipe(
  Command.withDescription("Find every mistake in workflow files, with line and column, without running anything"),
  Command.withShortDescription("Find mistakes without running anything"),
  Command.provide(() => Bundle.layer({ store: "none", mcp: "named" }))
)
