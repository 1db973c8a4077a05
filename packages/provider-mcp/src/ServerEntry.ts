/** One server as it is written, made into one that can be reached: everything filled in, with its defaults. */
import { Duration, type McpSection, type Secrets } from "@gleitzeit/core"
import { Effect, Result } from "effect"
import { existsSync } from "node:fs"
import * as EnvFile from "./EnvFile.ts"
import type { Fill } from "./Filling.ts"
import * as Paths from "./Paths.ts"
import type { Auth, Reach, Server, Unusable } from "./Server.ts"
import * as TextFile from "./TextFile.ts"

export interface Surroundings {
  readonly name: string
  /** The file that it stands in, as messages name it. */
  readonly from: string
  /** Absolute: what its paths are relative to. */
  readonly base: string
  /** The project's, absolute: where it runs if it does not say. */
  readonly folder: string
  /** The user's, absolute. */
  readonly home: string
  readonly fill: Fill
}

/** `Unusable` names everything that is wrong, each with its place: `github.env.GITHUB_TOKEN`. */
export const read = (
  written: McpSection.Server,
  surroundings: Surroundings
): Effect.Effect<Server | Unusable, never, Secrets.Secrets> =>
  Effect.gen(function* () {
    const { base, fill, folder, from, home, name } = surroundings
    const issues: Array<string> = []
    const complain = (place: string, issue: string) => void issues.push(`${issue} (${name}${place} in ${from})`)
    const hidden = new Set<string>()
    const text: Text = (value, place) =>
      Effect.map(fill(value), (filled) => {
        if (Result.isSuccess(filled)) {
          for (const one of filled.success.hidden) hidden.add(one)
          return filled.success.text
        }
        complain(place, filled.failure)
        return ""
      })
    const path = (value: string, place: string) =>
      Effect.map(text(value, place), (filled) => Paths.absolute(filled, base, home))
    const cwd = written.cwd === undefined ? folder : yield* path(written.cwd, ".cwd")
    const reach = yield* reachOf(written, { text, path, complain, cwd, surroundings })
    const roots =
      written.roots === undefined
        ? [cwd]
        : yield* Effect.forEach(written.roots, (root, i) => path(root, `.roots[${i}]`))
    if (reach === undefined || issues.length > 0) return { name, reason: issues.join("; ") }
    return { ...plain(name, reach, roots), ...(hidden.size === 0 ? {} : { hidden: [...hidden] }), ...said(written) }
  })

/** With every default. */
export const plain = (name: string, reach: Reach, roots: ReadonlyArray<string>): Server => ({
  name,
  reach,
  prefix: `${name}.`,
  tools: { include: ["*"], exclude: [], aliases: {} },
  protocol: reach._tag === "Stdio" ? "legacy" : "auto",
  start: "lazy",
  startTimeout: 30_000,
  listTimeout: 30_000,
  callTimeout: 60_000,
  maxMessage: 10 * 1024 ** 2,
  concurrency: 16,
  restart: { max: 5, backoff: 500, window: 60_000 },
  roots,
  approve: []
})

// internal

type Filled<A> = Effect.Effect<A, never, Secrets.Secrets>
type Text = (value: string, place: string) => Filled<string>

interface Reading {
  readonly text: Text
  /** Absolute. */
  readonly path: Text
  readonly complain: (place: string, issue: string) => void
  readonly cwd: string
  readonly surroundings: Surroundings
}

/** What is said in place of the defaults. */
const said = (written: McpSection.Server): Partial<Server> => {
  const { approve, max_concurrency, max_message_bytes, protocol, restart, start, tool_prefix, tools } = written
  const { call_timeout, idle_timeout, list_timeout, startup_timeout, total_timeout } = written
  return {
    ...(tool_prefix === undefined ? {} : { prefix: tool_prefix }),
    ...(tools === undefined ? {} : { tools: { include: ["*"], exclude: [], aliases: {}, ...tools } }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(start === undefined ? {} : { start }),
    ...(startup_timeout === undefined ? {} : { startTimeout: milliseconds(startup_timeout) }),
    ...(list_timeout === undefined ? {} : { listTimeout: milliseconds(list_timeout) }),
    ...(call_timeout === undefined ? {} : { callTimeout: milliseconds(call_timeout) }),
    ...(total_timeout === undefined ? {} : { totalTimeout: milliseconds(total_timeout) }),
    ...(idle_timeout === undefined ? {} : { idleTimeout: milliseconds(idle_timeout) }),
    ...(max_message_bytes === undefined ? {} : { maxMessage: max_message_bytes }),
    ...(max_concurrency === undefined ? {} : { concurrency: max_concurrency }),
    ...(restart === undefined
      ? {}
      : {
          restart: {
            max: restart.max ?? 5,
            backoff: milliseconds(restart.backoff ?? 0.5),
            window: milliseconds(restart.window ?? 60)
          }
        }),
    ...(approve === undefined ? {} : { approve })
  }
}

/** What was written has been looked at: whatever else there may be is no duration. */
const milliseconds = (written: string | number): number => Result.getOrElse(Duration.parse(written), () => 0)

const reachOf = (written: McpSection.Server, reading: Reading): Filled<Reach | undefined> => {
  switch (wayOf(written)) {
    case "stdio":
      return stdio(written, reading)
    case "websocket":
    case "ws":
      return webSocket(written, reading)
    case "sse":
      return http(written, true, reading)
    default:
      return http(written, false, reading)
  }
}

const wayOf = ({ command, connection_type, type, url }: McpSection.Server): (typeof McpSection.ways)[number] =>
  connection_type ??
  type ??
  (command !== undefined ? "stdio" : url !== undefined && /^wss?:/i.test(url) ? "websocket" : "http")

const stdio = (written: McpSection.Server, reading: Reading): Filled<Reach | undefined> =>
  Effect.gen(function* () {
    const { complain, cwd, surroundings, text } = reading
    const { base, home } = surroundings
    const [first, ...more] = typeof written.command === "object" ? written.command : [written.command]
    if (first === undefined) {
      complain("", "expected a `command`")
      return undefined
    }
    const isList = typeof written.command === "object"
    const named = yield* text(first, isList ? ".command[0]" : ".command")
    const command = Paths.isPath(named) ? Paths.absolute(named, base, home) : named
    if (!isList && written.args === undefined && /\s/.test(named) && !existsSync(command)) {
      complain(
        ".command",
        `the command has spaces: write it as a list that begins with "${named.split(/\s/, 1).join()}"`
      )
    }
    const own = yield* Effect.forEach(more, (value, i) => text(value ?? "", `.command[${i + 1}]`))
    const args = yield* Effect.forEach(written.args ?? [], (value, i) => text(value, `.args[${i}]`))
    const env = { ...(yield* fromFile(written, reading)), ...(yield* texts(written.env ?? {}, ".env", text)) }
    return { _tag: "Stdio", command, args: [...own, ...args], env, cwd }
  })

const fromFile = ({ env_file }: McpSection.Server, { complain, path }: Reading) =>
  Effect.gen(function* () {
    if (env_file === undefined) return {}
    const file = yield* path(env_file, ".env_file")
    const found = TextFile.read(file)
    if (Result.isSuccess(found)) return EnvFile.read(found.success)
    complain(".env_file", `${file}: ${found.failure}`)
    return {}
  })

type Values = NonNullable<McpSection.Server["env"]>

const texts = (values: Values, place: string, text: Text): Filled<{ readonly [name: string]: string }> =>
  Effect.map(
    Effect.forEach(Object.entries(values), ([name, value]) =>
      Effect.map(
        typeof value === "string" ? text(value, `${place}.${name}`) : Effect.succeed(String(value)),
        (filled) => [name, filled]
      )
    ),
    Object.fromEntries
  )

const http = (written: McpSection.Server, sse: boolean, reading: Reading): Filled<Reach | undefined> =>
  Effect.gen(function* () {
    const { text } = reading
    const url = yield* urlOf(written, reading, ["http:", "https:"])
    const headers = yield* texts(written.headers ?? {}, ".headers", text)
    const auth = written.auth === undefined ? undefined : yield* authOf(written.auth, text)
    return url === undefined ? undefined : { _tag: "Http", url, headers, sse, ...(auth === undefined ? {} : { auth }) }
  })

const authOf = (auth: NonNullable<McpSection.Server["auth"]>, text: Text): Filled<Auth> =>
  Effect.gen(function* () {
    if ("bearer" in auth) return { _tag: "Bearer", token: yield* text(auth.bearer, ".auth.bearer") }
    return {
      _tag: "ClientCredentials",
      clientId: yield* text(auth.client_id, ".auth.client_id"),
      clientSecret: yield* text(auth.client_secret, ".auth.client_secret"),
      ...(auth.scope === undefined ? {} : { scope: yield* text(auth.scope, ".auth.scope") }),
      ...(auth.issuer === undefined ? {} : { issuer: yield* text(auth.issuer, ".auth.issuer") })
    }
  })

const webSocket = (written: McpSection.Server, reading: Reading): Filled<Reach | undefined> =>
  Effect.map(urlOf(written, reading, ["ws:", "wss:"]), (url) => {
    if (written.headers !== undefined) reading.complain(".headers", "a WebSocket takes no headers")
    if (written.auth !== undefined) reading.complain(".auth", "a WebSocket takes no `auth`")
    return url === undefined ? undefined : { _tag: "WebSocket", url }
  })

const urlOf = (
  { url }: McpSection.Server,
  { complain, text }: Reading,
  schemes: ReadonlyArray<string>
): Filled<string | undefined> =>
  Effect.gen(function* () {
    if (url === undefined) {
      complain("", "expected a `url`")
      return undefined
    }
    const filled = yield* text(url, ".url")
    // what has no value has been told
    if (filled === "" && url !== "") return undefined
    if (URL.canParse(filled) && schemes.includes(new URL(filled).protocol)) {
      const { password, username } = new URL(filled)
      if (username === "" && password === "") return filled
      complain(".url", "a URL with a user or a password is not taken; `headers` or `auth` has room for them")
      return undefined
    }
    complain(".url", `expected a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`)
    return undefined
  })
