/** Where an Ollama server is, in all the spellings that people use for it: `OLLAMA_HOST`'s, and URLs. Pure. */
import { Result } from "effect"

export interface Address {
  /** `http://127.0.0.1:11434`: scheme, host, port and path; no slash at the end, no user or password. */
  readonly url: string
  /** What a user and password in the URL stand for. */
  readonly headers: { readonly [name: string]: string }
}

/** Where `ollama serve` listens unless told otherwise. */
export const standard = "http://127.0.0.1:11434"

/**
 * A bare host has port 11434; a URL without a port has its scheme's. An address that stands for "every interface"
 * (`0.0.0.0`) is where a server listens, so it becomes the loopback interface. The failure says what was expected.
 */
export const parse = (written: string): Result.Result<Address, string> => {
  const text = written.trim()
  const explicit = /^[a-z][a-z0-9+.-]*:\/\//iu.test(text)
  const bare = /^:\d/u.test(text) ? `127.0.0.1${text}` : bracketed(text)
  const candidate = explicit ? text : `http://${bare}`
  const expected = `expected a URL such as ${standard}, or HOST:PORT`
  const url = URL.canParse(candidate) ? new URL(candidate) : undefined
  if (text === "" || url === undefined) return Result.fail(`"${withoutPassword(text)}" is no address: ${expected}`)
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Result.fail(`"${url.protocol}//" is not a scheme that Ollama speaks: ${expected}`)
  }
  const host = everywhere.get(url.hostname) ?? url.hostname
  // A port that is the scheme's own is dropped by URL, so it is looked for in the text.
  const port = url.port !== "" || explicit || /:80(?:\/|$)/u.test(bare) ? url.port : "11434"
  const path = url.pathname.replace(/\/+$/u, "")
  const { password, username } = url
  const headers: Address["headers"] =
    username === "" && password === ""
      ? {}
      : { authorization: `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString("base64")}` }
  return Result.succeed({ url: `${url.protocol}//${host}${port === "" ? "" : `:${port}`}${path}`, headers })
}

// internal

const everywhere: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["[::]", "[::1]"]
])

/** `::1` as `[::1]`; anything that is no bare IPv6 address stays as it is. */
const bracketed = (text: string): string => (/^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*$/iu.test(text) ? `[${text}]` : text)

const withoutPassword = (text: string): string => text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/isu, "$1")

const unescaped = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
