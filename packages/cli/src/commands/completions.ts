/** `gleitzeit completions SHELL` */
import { Effect } from "effect"
import { Argument, Command, Completions } from "../Cli.ts"
import { Output } from "../Output.ts"

/** `root` is the whole command line, which is known only when this command is part of it. */
export const completions = <R>(root: Effect.Effect<Command.Command.Any, never, R>) =>
  Command.make(
    "completions",
    { shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("Whose script it is")) },
    Effect.fn("gleitzeit.completions")(function* ({ shell }) {
      const output = yield* Output
      const descriptor = withFiles(Completions.fromCommand(yield* root))
      for (const name of ["gleitzeit", "gz"]) {
        const script = Completions.generate(name, shell, { ...descriptor, name })
        yield* output.data(script.replaceAll(`${name} --completions`, `${name} completions`))
      }
    })
  ).pipe(
    Command.withDescription("Print a script that completes commands and flags in a shell"),
    Command.withShortDescription("Print a completion script"),
    Command.withExamples([{ command: "gleitzeit completions bash >> ~/.bashrc" }])
  )

// internal

const files = new Set(["file", "inputs", "output", "python"])

/** What names a file is text to the command line, which reads files itself; a shell completes it as a path. */
const withFiles = (command: Completions.CommandDescriptor): Completions.CommandDescriptor => {
  const type = { _tag: "Path", pathType: "file" } as const
  const named = <A extends { readonly name: string }>(all: ReadonlyArray<A>) =>
    all.map((one) => (files.has(one.name) ? { ...one, type } : one))
  return {
    ...command,
    flags: named(command.flags),
    arguments: named(command.arguments),
    subcommands: command.subcommands.map(withFiles)
  }
}
