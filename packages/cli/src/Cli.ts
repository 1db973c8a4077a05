/** The one door to effect's command-line modules, which are unstable: whoever reads flags goes through here. */
export { Argument, CliConfig, CliError, CliOutput, Command, Completions, Flag, GlobalFlag } from "effect/cli"
