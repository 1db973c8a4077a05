/** Settings as they are written: what a text stands for, and what would have worked where it stands for nothing. */
import { Result } from "effect"
import type { Mode } from "./Replay.ts"

/** A store as `--store` names it. A filename is as given, with `~` expanded. */
export type StoreUrl =
  | { readonly _tag: "Memory" }
  | { readonly _tag: "Sqlite"; readonly filename: string }
  /** Of a plug-in; `url` is as given. */
  | { readonly _tag: "Other"; readonly scheme: string; readonly url: string }

export interface Stores {
  /** The file of `sqlite:` alone. */
  readonly file: string
  /** The user's folder. */
  readonly home: string
  /** Schemes of the stores that plug-ins bring. */
  readonly others: ReadonlyArray<string>
}

export const storeUrl = (text: string, { file, home, others }: Stores): Result.Result<StoreUrl, string> => {
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/s.exec(text) ?? []
  if (scheme !== undefined && others.includes(scheme)) return Result.succeed({ _tag: "Other", scheme, url: text })
  const known = ["memory:", "sqlite:PATH", ...others.map((other) => `${other}:`)]
  const some = `${known.slice(0, -1).join(", ")} or ${known.at(-1)}`
  switch (scheme) {
    case "memory":
    case "none":
      return rest === ""
        ? Result.succeed({ _tag: "Memory" })
        : Result.fail(`"${withoutPassword(text)}" has a path, but a store in memory has none; write memory:`)
    case "sqlite": {
      const path = sqlitePath(text) ?? ""
      return Result.succeed({ _tag: "Sqlite", filename: path === "" ? file : expand(path, home) })
    }
    case "redis":
    case "rediss":
      return Result.fail(`a store on Redis is not in this version; use ${some}`)
    case undefined:
      return Result.fail(
        text === "memory" || text === "sqlite"
          ? `expected a URL, "${text}:"`
          : `expected ${some}, not "${withoutPassword(text)}"; for a file write sqlite:${withoutPassword(text)}`
      )
    default:
      return Result.fail(`"${scheme}:" is no store; use ${some}`)
  }
}

/** What stands behind `sqlite:`; empty where nothing does. */
export const sqlitePath = (text: string): string | undefined =>
  text.startsWith("sqlite:") ? text.slice("sqlite:".length).replace(/^\/\/(?=[/~.])/, "") : undefined

/** `~` is the user's folder. */
export const expand = (path: string, home: string): string => (/^~(?=$|[/\\])/.test(path) ? home + path.slice(1) : path)

export const durability = (text: string): Result.Result<"process" | "power", string> =>
  text === "process" || text === "power"
    ? Result.succeed(text)
    : Result.fail(`expected process or power, not "${text}"`)

export const replayMode = (text: string): Result.Result<Mode, string> => {
  const modes: ReadonlyArray<Mode> = ["off", "record", "replay", "auto"]
  const found = modes.find((mode) => mode === text)
  return found === undefined
    ? Result.fail(`expected off, record, replay or auto, not "${text}"`)
    : Result.succeed(found)
}

/** `OLLAMA_HOST` is often a bare host, or the address that the server binds: all of them. */
export const serverUrl = (text: string): Result.Result<string, string> => {
  const hasScheme = text.includes("//")
  const written = hasScheme ? text : `http://${text.startsWith(":") ? "127.0.0.1" : ""}${text}`
  const shown = hasScheme ? withoutPassword(text) : withoutPassword(`//${text}`).slice(2)
  if (!URL.canParse(written)) return Result.fail(`"${shown}" is no URL; expected one such as http://127.0.0.1:11434`)
  const url = new URL(written)
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Result.fail(`"${shown}" is neither http: nor https:; expected a URL such as http://127.0.0.1:11434`)
  }
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1"
  if (!hasScheme && !/:\d+(?:\/|$)/.test(written)) url.port = "11434"
  return Result.succeed(url.href.replace(/\/+$/, ""))
}

export const onOff = (text: string): Result.Result<boolean, string> => {
  const word = text.toLowerCase()
  if (["1", "true", "yes", "on"].includes(word)) return Result.succeed(true)
  if (["0", "false", "no", "off"].includes(word)) return Result.succeed(false)
  return Result.fail(`expected true or false, not "${text}"`)
}

/**
 * The same without what only its owner may see: in a URL, a password, or whoever stands alone before the `@`, and
 * parameters that are named as secrets are.
 */
export const withoutPassword = (text: string): string =>
  text
    // up to the last `@`, because a password may hold what should have been encoded; what looks like a port is one
    .replaceAll(/(\/\/[^\s/:@"']*:)(?!\d+[/?#])[^\s"']*@/g, "$1***@")
    .replaceAll(/(\/\/)[^\s/:@"'?#]+@/g, "$1***@")
    .replaceAll(/([?&](?:[\w-]*(?:token|key|secret|password)|auth|sig|signature)=)[^&#\s"']+/gi, "$1***")
