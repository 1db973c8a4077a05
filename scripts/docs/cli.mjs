// The page of the command line, from the help of every command.
import { Effect, Layer, Option } from "effect"
import { CliConfig, CliOutput, Command, Completions, GlobalFlag } from "effect/cli"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { exitCodes } from "../errors.mjs"
import { table } from "./schemas.mjs"

export const page = async (root) => {
  const source = (file) => import(pathToFileURL(join(root, "packages/cli/src", file)).href)
  const program = { ...(await source("commands.ts")), ...(await source("start.ts")) }
  const top = await help(program, [])
  const groups = []
  for (const { commands, group } of top.subcommands) {
    const sections = []
    for (const { name } of commands) sections.push(...(await sectionsOf(program, [name])))
    groups.push(`## ${group}`, ...sections)
  }
  return `# The command line

<!-- Printed by scripts/docs.mjs from packages/cli/src/commands. Change it there. -->

\`gleitzeit\`, or \`gz\` for short. What is asked for goes to standard output, everything else to standard error. \`gleitzeit
COMMAND --help\` says what stands here. \`RUN\` is the id of a run, the beginning of one, or \`latest\`.

${table(
  ["command", ""],
  top.subcommands.flatMap(({ commands }) =>
    commands.map(({ description, name, shortDescription }) => [
      `[\`${name}\`](#gleitzeit-${name})`,
      shortDescription ?? description
    ])
  )
)}

## Flags of every command

${flagTable(top.globalFlags, new Map())}

${groups.join("\n\n")}

## Exit codes

${exitCodes}
`
}

const sectionsOf = async (program, path) => {
  const { args = [], description, examples = [], flags = [], subcommands = [], usage } = await help(program, path)
  const values = choicesOf(program.gleitzeit, path)
  const own = [
    `${"#".repeat(path.length + 2)} gleitzeit ${path.join(" ")}`,
    `${description.replace(/\.$/, "")}.`,
    `\`\`\`\n${usageOf(usage, args, values)}\n\`\`\``,
    ...(args.length === 0 ? [] : [argumentTable(args, values)]),
    ...(flags.length === 0 ? [] : [flagTable(flags, values)]),
    ...(examples.length === 0 ? [] : [`\`\`\`sh\n${examples.map(example).join("\n")}\n\`\`\``])
  ]
  for (const { commands } of subcommands) {
    for (const { name } of commands) own.push(...(await sectionsOf(program, [...path, name])))
  }
  return own
}

const example = ({ command, description }) => (description === undefined ? command : `# ${description}\n${command}`)

const argumentTable = (args, values) =>
  table(
    ["argument", "meaning", "required"],
    args.map(({ description, name, required, type, variadic }) => [
      `\`${label(name, type, values)}${variadic ? "..." : ""}\``,
      text(description),
      required ? "yes" : ""
    ])
  )

const flagTable = (flags, values) =>
  table(
    ["flag", "meaning"],
    flags.map(({ aliases, description, name, type }) => {
      const value = type === "boolean" ? "" : ` ${label(name, type, values)}`
      return [[`--${name}${value}`, ...aliases].map((one) => `\`${one}\``).join(", "), text(description)]
    })
  )

/** What stands for a value: its own word, the choices, or the name. */
const label = (name, type, values) => values.get(name)?.join("|") ?? (/[A-Z|]/.test(type) ? type : name.toUpperCase())

const usageOf = (usage, args, values) =>
  args
    .reduce((text, { name, type }) => text.replace(`<${name}`, `<${label(name, type, values)}`), usage)
    .replace("<subcommand>", "[COMMAND]")
    .replaceAll(/<([^>]*)>/g, "$1")

/** Help says the choices in its words: they stand in the other column here. */
const text = (description) => Option.getOrElse(description, () => "").replace(/ \(choices: [^)]*\)$/, "")

/** What can be chosen, by the names of flags and arguments. */
const choicesOf = (gleitzeit, path) => {
  const command = path.reduce(
    ({ subcommands }, name) => subcommands.find((one) => one.name === name),
    Completions.fromCommand(gleitzeit)
  )
  return new Map(
    [...command.flags, ...command.arguments].flatMap(({ name, type }) =>
      type._tag === "Choice" ? [[name, type.values]] : []
    )
  )
}

/** What `--help` would show, as data. */
const help = ({ gleitzeit, unused }, path) => {
  let found
  const presenter = {
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Help") found = event.helpDoc
      })
  }
  return Command.runWith(gleitzeit, { version: "0.0.0" })([...path, "--help"])
    .pipe(
      Effect.ignore,
      Effect.provide(
        Layer.mergeAll(CliConfig.layer({ builtIns: [GlobalFlag.Help] }), CliOutput.layerPresenter(presenter), unused)
      ),
      Effect.runPromise
    )
    .then(() => {
      if (found === undefined) throw new Error(`gleitzeit ${path.join(" ")} --help shows nothing`)
      return found
    })
}
