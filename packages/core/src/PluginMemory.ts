/**
 * What plug-ins from packages have said of themselves, kept across processes: whoever calls none of them does not wait
 * for them to be loaded, and everything is checked all the same. Forgotten with another version of the package, of this
 * program, or other options. Plug-ins named by a path are not remembered: their files change while they are written.
 */
import { Result, Schema } from "effect"
import * as Border from "./Border.ts"
import type { Contract } from "./Contract.ts"
import { canonical, sha256 } from "./Hash.ts"
import * as Json from "./Json.ts"
import type { JsonObject } from "./Json.ts"
import type { Capabilities } from "./ProviderDefaults.ts"
import { version } from "./Version.ts"

/** Where it is kept, text by id. What cannot be read or written is not there: neither throws. */
export interface PluginMemory {
  readonly read: (id: string) => string | undefined
  readonly write: (id: string, text: string) => void
}

export interface Remembered {
  readonly protocol: string
  readonly concurrency: number
  readonly capabilities: Capabilities
  readonly contracts: ReadonlyArray<Contract>
}

/** One place for each name in each project: what was there before is replaced. */
export const idOf = (folder: string, name: string): string => sha256(`${folder}\0${name}`).slice(0, 32)

/** Another key: what is remembered is of something else. */
export const keyOf = (fingerprint: string, options: JsonObject): string =>
  sha256([version, fingerprint, canonical(options)].join("\0"))

export const write = (key: string, { concurrency, ...rest }: Remembered): string =>
  JSON.stringify({ key, ...rest, concurrency: concurrency === Infinity ? null : concurrency })

/** Undefined for another key, and for whatever cannot be believed. */
export const read = (text: string | undefined, key: string, owner: Border.Owner): Remembered | undefined => {
  if (text === undefined) return undefined
  const found = decode(text)
  if (Result.isFailure(found) || found.success.key !== key) return undefined
  const { capabilities, concurrency, contracts, protocol } = found.success
  const believed = Border.contracts(contracts, owner, protocol)
  if (Result.isFailure(believed) || Json.isDeep(contracts)) return undefined
  return { protocol, capabilities, concurrency: concurrency ?? Infinity, contracts: believed.success }
}

// internal

const decode = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      key: Schema.String,
      protocol: Schema.String,
      concurrency: Schema.NullOr(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
      capabilities: Schema.Struct({
        streaming: Schema.Boolean,
        batch: Schema.Boolean,
        caching: Schema.Boolean,
        sandboxed: Schema.Boolean
      }),
      contracts: Schema.Array(Schema.Json)
    })
  )
)
