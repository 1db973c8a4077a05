/** What the command line says when it is asked, or not understood: help at length, mistakes in a line each. */
import { Diagnostic } from "@gleitzeit/core"
import { type CliError, CliOutput } from "./Cli.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Fault from "./Fault.ts"
import * as Flags from "./Flags.ts"
import type { Output } from "./Output.ts"
import * as Text from "./Text.ts"

export const presenter = (output: Output["Service"]): CliOutput.Presenter => ({
  present: (event) => {
    switch (event._tag) {
      case "Help":
        return CliOutput.defaultPresenter.present(event)
      case "Version":
        return output.data(`gleitzeit ${event.version}`)
      case "InvalidInvocation": {
        const issues = event.errors.map((error) => Text.flat(worded(error)))
        if (output.options.json) {
          const message = issues.join("\n")
          return output.json(Fault.document(new ExitCode.UsageError({ issue: message })))
        }
        const help = `${event.commandPath.join(" ")} --help`
        return output.note(
          [
            ...issues.map((issue) => `${output.style.red("error:")} ${issue}`),
            output.style.dim(`${help} shows how it is used`)
          ].join("\n")
        )
      }
    }
  }
})

// internal

/** In the words of the other errors. */
const worded = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `there is no flag ${error.option}${meant(near(error.option, [...error.suggestions, ...Flags.names]))}`
    case "UnknownSubcommand":
      return `there is no command "${error.subcommand}"${meant(error.suggestions)}`
    case "MissingArgument":
      return `${error.argument.toUpperCase()} is missing`
    case "MissingOption":
      return `--${error.option} is missing`
    case "UnexpectedArgument":
      return `nobody expects ${error.arguments.map((argument) => JSON.stringify(argument)).join(", ")} here`
    case "InvalidValue": {
      const flag = error.kind === "flag" ? `--${error.option}` : error.option
      const expected = error.expected.replace(/^expected:? /i, "").replace("a string representing a finite", "a")
      return `${flag}${error.value === "" ? "" : ` ${JSON.stringify(error.value)}`}: expected ${expected}`
    }
    default:
      return error.message
  }
}

const meant = ([first]: ReadonlyArray<string>): string => (first === undefined ? "" : `, did you mean ${first}?`)

const near = (option: string, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const name = Diagnostic.nearest(option, known)
  return name === undefined ? [] : [name]
}
