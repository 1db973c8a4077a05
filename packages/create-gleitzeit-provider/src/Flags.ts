/** The command line as data, and its help. What is wrong with it is told with what would have been right. */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import type { Kind } from "./Names.ts"
import { names, type PackageManager } from "./PackageManager.ts"
import { Usage } from "./Refusal.ts"

export interface Flags {
  /** A name, or a folder whose last part is the name. */
  readonly target: string | undefined
  readonly template: Kind | undefined
  readonly protocol: string | undefined
  readonly packageManager: PackageManager | undefined
  readonly install: boolean
  /** Undefined: where there is no repository yet. */
  readonly git: boolean | undefined
  readonly yes: boolean
  readonly force: boolean
  readonly json: boolean
  readonly help: boolean
  readonly version: boolean
}

export const read = (args: ReadonlyArray<string>): Effect.Effect<Flags, Usage> =>
  Effect.gen(function* () {
    const { positionals, values } = yield* Effect.try({
      try: () => parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true }),
      catch: (cause) => new Usage({ message: wrong(cause) })
    })
    if (positionals.length > 1) {
      return yield* new Usage({ message: `one name or folder is enough, found ${positionals.join(", ")}` })
    }
    return {
      target: positionals[0],
      template: yield* oneOf("--template", kinds, values.template),
      protocol: values.protocol,
      packageManager: yield* oneOf("--package-manager", names, values["package-manager"]),
      install: values.install ?? true,
      git: values.git,
      yes: values.yes === true,
      force: values.force === true,
      json: values.json === true,
      help: values.help === true,
      version: values.version === true
    }
  })

export const help = `Makes a package for Gleitzeit: a provider of a protocol of its own, or a store.

  npm create gleitzeit-provider [NAME|DIR] -- [flags]

  -t, --template provider|store          what to make; default provider
      --protocol NAME/vN                 default: the name of the package, and v1
      --package-manager npm|pnpm|yarn|bun  default: who started this
      --no-install                       leave the dependencies to you
      --git, --no-git                    begin a repository; default: where there is none
  -y, --yes                              ask nothing
      --force                            write into a folder that is not empty; nothing is deleted
      --json                             one JSON document on standard output
  -h, --help
      --version

Questions are asked on a terminal only. Exit codes: 0 done, 1 it did not work out, 2 the command line cannot be used.
`

// internal

const kinds: ReadonlyArray<Kind> = ["provider", "store"]

const options = {
  template: { type: "string", short: "t" },
  protocol: { type: "string" },
  "package-manager": { type: "string" },
  install: { type: "boolean" },
  git: { type: "boolean" },
  yes: { type: "boolean", short: "y" },
  force: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" }
} as const

const oneOf = <A extends string>(
  flag: string,
  known: ReadonlyArray<A>,
  value: string | undefined
): Effect.Effect<A | undefined, Usage> => {
  const found = known.find((one) => one === value)
  return value === undefined || found !== undefined
    ? Effect.succeed(found)
    : Effect.fail(new Usage({ message: `${flag} is one of ${known.join(", ")}, found ${JSON.stringify(value)}` }))
}

/** Node's own words up to the first full stop, and which flags there are. */
const wrong = (cause: unknown): string => {
  const [said = ""] = (cause instanceof Error ? cause.message : String(cause)).split(/\.(?:\s|$)/)
  const known = Object.keys(options).map((name) => (name === "install" ? "--no-install" : `--${name}`))
  return `${said.charAt(0).toLowerCase()}${said.slice(1)} (flags: ${known.join(", ")})`
}
