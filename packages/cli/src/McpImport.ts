/**
 * Servers of another program's file as the section `mcp` of a configuration in YAML. Secrets that stand in the file are
 * left out of it: an environment variable is named in their place.
 */
import type { McpSection } from "@gleitzeit/core"
import { Result, type Schema } from "effect"
import type { Document } from "@gleitzeit/provider-mcp/Dialects"
import * as Expansion from "@gleitzeit/provider-mcp/Expansion"
import * as Origins from "./Origins.ts"

export interface Taken {
  readonly servers: ReadonlyArray<{ readonly name: string; readonly server: McpSection.Server }>
  /** Variables that stand in place of a secret, and where: what they are is to be set. */
  readonly variables: ReadonlyArray<{ readonly name: string; readonly place: string }>
  /** Those that were not taken, each with the reason. */
  readonly left: ReadonlyArray<string>
}

/** `taken`: names that the configuration has already, each with where. */
export const of = ({ inputs, servers }: Document, taken: { readonly [name: string]: string }): Taken => {
  const left: Array<string> = []
  const variables = new Map<string, string>()
  const ours: Array<Taken["servers"][number]> = []
  const seen = new Map<string, string>()
  for (const { name, place, server } of servers) {
    const before = seen.get(name)
    seen.set(name, place)
    if (Object.hasOwn(taken, name)) left.push(`${name}: ${taken[name]} has a server of this name`)
    else if (before !== undefined) left.push(`${name}: ${place} has the name of ${before}`)
    else if (Result.isFailure(server)) left.push(...server.failure.map((issue) => `${name}${issue}`))
    else {
      const say = (variable: string, key: string) => {
        if (!variables.has(variable)) variables.set(variable, `${name}.${key}`)
        return `\${${variable}}`
      }
      ours.push({ name, server: written(name, server.success, inputs, say) })
    }
  }
  return { servers: ours, variables: [...variables].map(([name, place]) => ({ name, place })), left }
}

/** Lines of YAML, by name. */
export const lines = ({ servers }: Pick<Taken, "servers">): ReadonlyArray<string> =>
  servers.flatMap(({ name, server }) => [`${keyOf(name)}:`, ...fields(server).map((line) => `  ${line}`)])

/** Lines of YAML, as a list. */
export const listed = ({ servers }: Pick<Taken, "servers">): ReadonlyArray<string> =>
  servers.flatMap(({ name, server }) => [`- name: ${keyOf(name)}`, ...fields(server).map((line) => `  ${line}`)])

// internal

type Say = (variable: string, key: string) => string

/** A value that refers to nothing, and would not be shown. */
const isSecret = (name: string, value: string): boolean => {
  const parts = Expansion.parse(value)
  const isPlain = Result.isSuccess(parts) && parts.success.every((part) => typeof part === "string")
  return isPlain && value !== "" && Origins.masked(name, value) !== value
}

const written = (name: string, server: McpSection.Server, inputs: Document["inputs"], say: Say): McpSection.Server => {
  const own = variableOf(name)
  const text = (value: string) => withoutInputs(value, inputs)
  const { args, auth, command, env, headers, url } = server
  const list = (values: ReadonlyArray<string>, key: string) => {
    const shown = Origins.masked("", values)
    return values.map((value, i) => {
      const mask = Array.isArray(shown) ? String(shown[i]) : value
      if (mask === value || !isPlain(value)) return text(value)
      const flag = (mask.includes("=") ? value.split("=", 1)[0] : values[i - 1]) ?? ""
      const variable = say(`${own}_${variableOf(flag)}`, key)
      return mask.includes("=") ? `${flag}=${variable}` : variable
    })
  }
  return {
    ...server,
    ...(typeof command === "string" ? { command: text(command) } : {}),
    ...(typeof command === "object" ? { command: list(command, "command") } : {}),
    ...(args === undefined ? {} : { args: list(args, "args") }),
    ...(env === undefined
      ? {}
      : {
          env: mapped(env, (value, key) => (isSecret(key, value) ? say(variableOf(key), `env.${key}`) : text(value)))
        }),
    ...(url === undefined ? {} : { url: isSecret("url", url) ? say(`${own}_URL`, "url") : text(url) }),
    ...(headers === undefined
      ? {}
      : {
          headers: mapped(headers, (value, key) => {
            const [, scheme = "", token = value] = /^((?:bearer|basic|token) +)(.+)$/is.exec(value) ?? []
            const hidden = scheme !== "" || Origins.masked(key, value) !== value
            return hidden && isPlain(value) && token !== ""
              ? `${scheme}${say(`${own}_${scheme === "" ? variableOf(key) : "TOKEN"}`, `headers.${key}`)}`
              : text(value)
          })
        }),
    ...(auth === undefined
      ? {}
      : {
          auth:
            "bearer" in auth
              ? { bearer: isPlain(auth.bearer) ? say(`${own}_TOKEN`, "auth.bearer") : text(auth.bearer) }
              : {
                  ...auth,
                  client_secret: isPlain(auth.client_secret)
                    ? say(`${own}_CLIENT_SECRET`, "auth.client_secret")
                    : text(auth.client_secret)
                }
        })
  }
}

const isPlain = (value: string): boolean => {
  const parts = Expansion.parse(value)
  return Result.isSuccess(parts) && parts.success.every((part) => typeof part === "string")
}

type Values = NonNullable<McpSection.Server["env"]>

const mapped = (values: Values, to: (value: string, key: string) => string): Values =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? to(value, key) : value])
  )

/** What the other program asks for: a secret stays one, anything else is a variable with its default. */
const withoutInputs = (value: string, inputs: Document["inputs"]): string => {
  const parts = Expansion.parse(value)
  if (Result.isFailure(parts)) return value
  return Expansion.write(
    parts.success.map((part) => {
      if (typeof part === "string" || part.kind !== "input") return part
      const input = inputs.find(({ id }) => id === part.name)
      const name = variableOf(part.name)
      if (input?.password === true) return { kind: "secret", name }
      const { otherwise } = input ?? {}
      // a default with a brace would end the reference
      return { kind: "variable", name, ...(otherwise === undefined || otherwise.includes("}") ? {} : { otherwise }) }
    })
  )
}

const variableOf = (text: string): string =>
  text
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .toUpperCase()
    .replace(/^(?=\d|$)/, "_")

const fields = (server: McpSection.Server): ReadonlyArray<string> =>
  Object.entries(server).map(([key, value]) => `${key}: ${flow(value)}`)

/** JSON, which is YAML; names need no quotes, texts only where they would be something else without. */
const flow = (value: Schema.Json): string => {
  if (typeof value === "string")
    return /^[A-Za-z][\w./@-]*$/.test(value) && !isWord(value) ? value : JSON.stringify(value)
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item: Schema.Json) => flow(item)).join(", ")}]`
  const all = Object.entries(value).map(([key, inner]) => `${keyOf(key)}: ${flow(inner)}`)
  return all.length === 0 ? "{}" : `{ ${all.join(", ")} }`
}

const keyOf = (key: string): string => (/^[A-Za-z_][\w-]*$/.test(key) && !isWord(key) ? key : JSON.stringify(key))

/** Words that YAML, one version or the other, takes for something else. */
const isWord = (text: string): boolean => /^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
