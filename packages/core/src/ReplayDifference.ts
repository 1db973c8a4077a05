/** In what two calls differ, path by path, in few words. Pure. */
import type { Schema } from "effect"
import { isArray, isObject } from "./Json.ts"
import type { Request } from "./ReplayRequest.ts"

export interface Difference {
  /** `params.messages[0].content` */
  readonly path: string
  /** `undefined`: it is not there. Texts are cut to where they begin to differ. */
  readonly recorded: string
  readonly called: string
}

/** Every place where one says something else than the other. */
export const between = (recorded: Request, called: Request): ReadonlyArray<Difference> => {
  const found: Array<Difference> = []
  const visit = (a: Schema.Json | undefined, b: Schema.Json | undefined, path: string): void => {
    if (isObject(a) && isObject(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        visit(
          own(a, key),
          own(b, key),
          /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key) ? `${path}.${key}` : `${path}["${key}"]`
        )
      }
    } else if (isArray(a) && isArray(b)) {
      for (let i = 0; i < Math.max(a.length, b.length); i++) visit(a[i], b[i], `${path}[${i}]`)
    } else if (isObject(a) || isArray(a) || isObject(b) || isArray(b) || a !== b) {
      const [recorded, called] = cut(a, b)
      found.push({ path, recorded, called })
    }
  }
  visit(recorded.protocol, called.protocol, "protocol")
  visit(recorded.provider, called.provider, "provider")
  visit(recorded.params, called.params, "params")
  return found
}

// internal

const own = (json: { readonly [key: string]: Schema.Json }, key: string): Schema.Json | undefined =>
  Object.hasOwn(json, key) ? json[key] : undefined

/** Characters of a value that are shown, and of what stands before the first difference. */
const most = 60
const before = 20

const cut = (a: Schema.Json | undefined, b: Schema.Json | undefined): readonly [string, string] => {
  if (typeof a !== "string" || typeof b !== "string") return [short(shown(a), 0), short(shown(b), 0)]
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  const from = a.length <= most && b.length <= most ? 0 : Math.max(0, same - before)
  return [JSON.stringify(short(a, from)), JSON.stringify(short(b, from))]
}

const shown = (json: Schema.Json | undefined): string => (json === undefined ? "undefined" : JSON.stringify(json))

const short = (text: string, from: number): string =>
  `${from > 0 ? "…" : ""}${text.slice(from, from + most)}${text.length > from + most ? "…" : ""}`
