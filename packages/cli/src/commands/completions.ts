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
      const descriptor = Completions.fromCommand(yield* root)
      for (const name of ["gleitzeit", "gz"]) yield* output.data(Completions.generate(name, shell, descriptor))
    })
  ).pipe(
    Command.withDescription("Print a script that completes commands and flags in a shell"),
    Command.withShortDescription("Print a completion script"),
    Command.withExamples([{ command: "gleitzeit completions bash >> ~/.bashrc" }])
  )
