/** What the command line says when it is asked, or not understood: help at length, mistakes in a line each. */
import { Diagnostic } from "@gleitzeit/core"
import { type CliError, CliOutput } from "./Cli.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Fault from "./Fault.ts"
import * as Flags from "./Flags.ts"
import type { Output } from "./Output.ts"
import * as Text from "./Text.ts"

/** Without `helpAsked` help is what is shown for want of a command, which is a mistake where a document is expected. */
export const presenter = (output: Output["Service"], helpAsked: boolean): CliOutput.Presenter => ({
  present: (event) => {
    switch (event._tag) {
      case "Help":
        return output.options.json && !helpAsked
          ? output.json(Fault.document(new ExitCode.UsageError({ issue: missing })))
          : CliOutput.defaultPresenter.present(event)
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

const missing = "a command is missing; gleitzeit --help lists them"

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
      return `${error.arguments.length === 1 ? "one argument" : "some arguments"} too many: ${error.arguments.map((argument) => JSON.stringify(argument)).join(", ")}`
    case "InvalidValue": {
      const flag = error.kind === "flag" ? `--${error.option}` : error.option
      const times = /^(\d+) occurrences$/.exec(error.value)?.[1]
      if (times !== undefined && error.kind === "flag") return `${flag} is given ${times} times`
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
