/** Names: of packages by npm's rules, of protocols by ours, and what a template's own name becomes. Pure functions. */
import { Result } from "effect"
import { builtinModules } from "node:module"

export type Kind = "provider" | "store"

/** Why npm would not take a name for a package, and what would do instead; undefined when it would take it. */
export const complaint = (name: string): string | undefined => {
  const reasons = rules.filter(([holds]) => !holds(name)).map(([, reason]) => reason)
  if (reasons.length === 0) return undefined
  const better = suggestion(name)
  const hint = better === undefined ? "" : `, ${better} would do`
  return `${JSON.stringify(name)} is no name for a package: ${reasons.join(", ")}${hint}`
}

/** `weather` becomes `gleitzeit-provider-weather`; what names Gleitzeit itself, or has a scope, stays. */
export const packageName = (name: string, kind: Kind): string =>
  name.startsWith("@") || name.startsWith("gleitzeit-") ? name : `gleitzeit-${kind}-${name}`

/** What a package is about: `weather` of `@acme/gleitzeit-provider-weather`. */
export const subject = (name: string): string =>
  name
    .replace(/^@[^/]*\//, "")
    .replace(/^gleitzeit-(?:(?:provider|store)-)?/, "")
    .replaceAll(/[._~]+/g, "-")

export interface ProtocolId {
  /** `weather` */
  readonly name: string
  /** From 1. */
  readonly version: number
}

/** `weather/v1`, or why that is no protocol of one's own. */
export const protocol = (id: string): Result.Result<ProtocolId, string> => {
  const [, name = "", version = ""] = /^([a-z][a-z0-9-]*)\/v([1-9]\d{0,5})$/.exec(id) ?? []
  if (name === "") {
    const better = /[a-z][a-z0-9-]*/.exec(id.toLowerCase())?.[0] ?? "weather"
    return Result.fail(
      `${JSON.stringify(id)} is no protocol: a name of small letters, digits and hyphens, a slash and a version, such as ${better}/v1`
    )
  }
  return ours.includes(name)
    ? Result.fail(`${name}/v${version} is a protocol of Gleitzeit: give yours another name, such as my-${name}/v1`)
    : Result.succeed({ name, version: Number(version) })
}

/** What the URLs of a store begin with, before the colon: what its package is about, unless that is taken. */
export const scheme = (name: string): Result.Result<ProtocolId, string> => {
  const found = subject(name)
  if (!/^[a-z][a-z0-9-]+$/.test(found)) {
    const rule = "its name begins with a letter and has two characters or more"
    return Result.fail(`URLs of a store cannot begin with ${JSON.stringify(found)}: ${rule}`)
  }
  return stores.includes(found)
    ? Result.fail(`${found}: is a store of Gleitzeit: give yours another name, such as my-${found}`)
    : Result.succeed({ name: found, version: 1 })
}

/** `LogParser` of `log-parser`. */
export const pascal = (name: string): string =>
  name
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("")

// internal

const bare = (name: string): string => name.replace(/^@[^/]*\//, "")

/** @see https://docs.npmjs.com/cli/configuring-npm/package-json#name */
const rules: ReadonlyArray<readonly [holds: (name: string) => boolean, otherwise: string]> = [
  [(name) => bare(name) !== "", "it is empty"],
  [(name) => name.length <= 214, "it has more than 214 characters"],
  [(name) => name === name.toLowerCase(), "it has capital letters"],
  [(name) => name === name.trim(), "it begins or ends with a space"],
  [(name) => !/^[._-]/.test(bare(name)), "it begins with a dot, an underscore or a hyphen"],
  [(name) => !name.startsWith("@") || /^@[^/]+\/[^/]+$/.test(name), "a scope is written @scope/name"],
  [
    (name) => /^(?:@[a-z0-9._-]*\/)?[a-z0-9._-]*$/.test(name.trim().toLowerCase()),
    "it has other characters than letters, digits, dots, hyphens and underscores"
  ],
  [(name) => !["node_modules", "favicon.ico"].includes(name.toLowerCase()), "npm keeps it for itself"],
  [(name) => !builtinModules.includes(name.toLowerCase()), "a module of Node is called so"]
]

const suggestion = (name: string): string | undefined => {
  const [, scope = "", rest = ""] = /^(@[^/]+\/)?([\s\S]*)$/.exec(name.toLowerCase()) ?? []
  const clean = (text: string) =>
    text
      .normalize("NFKD")
      .replaceAll(/\p{M}/gu, "")
      .replaceAll(/[^a-z0-9._-]+/g, "-")
      .replaceAll(/^[._-]+|[._-]+$/g, "")
  const better = (scope === "" ? "" : `@${clean(scope)}/`) + clean(rest).slice(0, 200)
  const found = rules.every(([holds]) => holds(better)) ? better : `gleitzeit-${better}`
  return better !== "" && rules.every(([holds]) => holds(found)) ? found : undefined
}

const stores: ReadonlyArray<string> = ["memory", "none", "redis", "rediss", "sqlite"]

/** Those that core defines: a provider of one of them brings no protocol. */
const ours: ReadonlyArray<string> = ["agent", "data", "human", "llm", "mcp", "python", "signal", "timer"]
