/** What is to be made, all of it: from flags, then from answers where somebody sits, then from defaults. */
import { Effect, Result } from "effect"
import { basename, resolve } from "node:path"
import type { Flags } from "./Flags.ts"
import * as Names from "./Names.ts"
import { Questions } from "./Questions.ts"
import { type Refusal, Usage } from "./Refusal.ts"
import type { Wanted } from "./Template.ts"
import { version } from "./Version.ts"

export interface Wish extends Wanted {
  /** Absolute. */
  readonly folder: string
}

export const complete = (flags: Flags, current: string): Effect.Effect<Wish, Refusal, Questions> =>
  Effect.gen(function* () {
    const { ask, attended } = yield* Questions
    const asks = attended && !flags.yes && !flags.json

    /** A flag is taken as it is or refused; an answer that cannot be taken is asked for again. */
    const choose = Effect.fnUntraced(function* <A>(
      given: string | undefined,
      question: string,
      byDefault: string,
      read: (text: string) => Result.Result<A, string>
    ): Effect.fn.Return<A, Refusal> {
      for (let complaint = ""; ;) {
        const asked = given === undefined && asks
        const text = asked ? (yield* ask(`${complaint}? ${question} (${byDefault}) `)).trim() : given
        const found = read(text === undefined || (asked && text === "") ? byDefault : text)
        if (Result.isSuccess(found)) return found.success
        if (!asked) return yield* new Usage({ message: found.failure })
        complaint = `  ${found.failure}\n`
      }
    })

    const template = yield* choose(flags.template, "Provider or store?", "provider", kind)
    if (template === "store" && flags.protocol !== undefined) {
      return yield* new Usage({ message: "--protocol is for providers: the URLs of a store begin with its own name" })
    }
    const byDefault = template === "store" ? "gleitzeit-store-ledger" : "gleitzeit-provider-greet"
    const place = yield* choose(flags.target, "Name of the package, or a folder?", byDefault, (target) =>
      placed(target, template, current)
    )
    const protocol =
      place.scheme ??
      (yield* choose(flags.protocol, "Name and version of its protocol?", `${place.subject}/v1`, Names.protocol))
    return { folder: place.folder, name: place.name, template, protocol, version }
  })

// internal

const kind = (text: string): Result.Result<Names.Kind, string> =>
  text === "provider" || text === "store"
    ? Result.succeed(text)
    : Result.fail(`expected provider or store, found ${JSON.stringify(text)}`)

interface Place {
  readonly folder: string
  readonly name: string
  readonly subject: string
  readonly scheme?: Names.ProtocolId
}

/** `@acme/weather` is a name, everything else the path of a folder that is called as the package will be. */
const placed = (target: string, template: Names.Kind, current: string): Result.Result<Place, string> => {
  const scoped = /^@[^/\\]+[/\\][^/\\]+$/.test(target)
  const folder = resolve(current, scoped ? basename(target) : target)
  const given = target.trim() === "" || scoped ? target : basename(folder)
  const complaint = Names.complaint(given)
  if (complaint !== undefined) return Result.fail(complaint)
  const name = Names.packageName(given, template)
  const place = { folder, name, subject: Names.subject(name) }
  return template === "provider"
    ? Result.succeed(place)
    : Result.map(Names.scheme(name), (scheme) => ({ ...place, scheme }))
}
