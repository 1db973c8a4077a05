/**
 * Finds the Ollama servers of this machine: on the loopback interface, on the port that Ollama takes and on those behind
 * it. Whatever else listens there is passed over, and so is what says nothing.
 */
import { Effect, Option, Result } from "effect"
import * as OllamaClient from "./OllamaClient.ts"
import * as OllamaUrl from "./OllamaUrl.ts"

export interface Options {
  /** Of the provider. */
  readonly name: string
  /** An address that is looked at too, and first: what `OLLAMA_HOST` says. A text that is none is left out. */
  readonly also?: string | OllamaUrl.Address
  /** Sent with every request. */
  readonly headers?: { readonly [name: string]: string }
  /** Default 11434 to 11439. */
  readonly ports?: ReadonlyArray<number>
  /** Default `127.0.0.1` and `[::1]`. */
  readonly hosts?: ReadonlyArray<string>
}

/** Where Ollama listens unless told otherwise, and where people put a second one. */
export const ports: ReadonlyArray<number> = [11434, 11435, 11436, 11437, 11438, 11439]

/** The addresses that are looked at, each once. */
export const addresses = ({
  also,
  hosts = loopback,
  ports: wanted = ports
}: Options): ReadonlyArray<OllamaUrl.Address> => {
  const written = hosts.flatMap((host) => wanted.map((port) => `http://${host}:${port}`))
  const all = new Map<string, OllamaUrl.Address>()
  for (const one of [...(also === undefined ? [] : [also]), ...written]) {
    const address = typeof one === "string" ? OllamaUrl.parse(one) : Result.succeed(one)
    if (Result.isSuccess(address) && !all.has(address.success.url)) all.set(address.success.url, address.success)
  }
  return [...all.values()]
}

/** The addresses, as people are told where nothing was found. */
export const inWords = ({ also, hosts = loopback, ports: wanted = ports }: Options): string => {
  const first = addresses({ name: "", ...(also === undefined ? {} : { also }), hosts: [], ports: [] })
  const [low, ...others] = wanted.toSorted((a, b) => a - b)
  const high = others.at(-1)
  const run = high !== undefined && low !== undefined && high - low === others.length
  const list = run ? `ports ${low} to ${high}` : `port ${wanted.join(", ")}`
  const local = hosts.length === 0 || wanted.length === 0 ? [] : [`${hosts.join(" and ")}, ${list}`]
  return [...first.map(({ url }) => url), ...local].join(", nor on ")
}

/**
 * Those of the addresses where an Ollama server answers. One that can be reached under two names of the loopback
 * interface is there once, under the first. Takes half a second at most.
 */
export const find = (options: Options): Effect.Effect<ReadonlyArray<OllamaUrl.Address>> =>
  Effect.map(
    Effect.forEach(addresses(options), (address) => look(options, address), { concurrency: "unbounded" }),
    (found) => {
      const servers = new Map<string, OllamaUrl.Address>()
      for (const server of found) {
        if (Option.isSome(server) && !servers.has(server.value.identity)) {
          servers.set(server.value.identity, server.value.address)
        }
      }
      return [...servers.values()]
    }
  )

// internal

const loopback: ReadonlyArray<string> = ["127.0.0.1", "[::1]"]

/** Milliseconds. */
const connectTimeout = 250
const answerTimeout = 500

const look = ({ headers = {}, name }: Options, address: OllamaUrl.Address) =>
  Effect.gen(function* () {
    const client = yield* OllamaClient.make({
      name,
      url: address.url,
      headers: { ...headers, ...address.headers },
      connectTimeout,
      firstTokenTimeout: answerTimeout,
      idleTimeout: answerTimeout
    })
    const version = yield* client.version
    const models = yield* Effect.orElseSucceed(client.models, () => [])
    return { address, identity: identity(address.url, version, models) }
  }).pipe(Effect.scoped, Effect.timeout(answerTimeout), Effect.option)

/** Two servers on one machine may share their models, but not a port. */
const identity = (url: string, version: string, models: ReadonlyArray<OllamaClient.Model>): string => {
  const { hostname, port } = new URL(url)
  const host = ["127.0.0.1", "[::1]", "localhost"].includes(hostname) ? "here" : hostname
  const has = models.map(({ digest = "", name }) => `${name} ${digest}`).toSorted()
  return JSON.stringify([host, port, version, has])
}
