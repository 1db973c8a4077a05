/** Names of models, and what to say when there is none of a name. Pure. */
import { Diagnostic, Errors } from "@gleitzeit/core"
import { fullName } from "./OllamaSchema.ts"

export const isThere = (model: string, available: ReadonlyArray<string>): boolean => {
  const name = fullName(model)
  return available.some((one) => fullName(one) === name)
}

/** Those first that were probably meant: of the same family, or spelled nearly the same. */
export const nearestFirst = (model: string, available: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own = family(model)
  const first = available.filter((name) => family(name) === own)
  const rest = available.filter((name) => family(name) !== own)
  const near = Diagnostic.nearest(own, rest.map(family))
  return [...first, ...rest.filter((name) => family(name) === near), ...rest.filter((name) => family(name) !== near)]
}

export const absent = (provider: string, model: string, available: ReadonlyArray<string>): Errors.ModelNotFound =>
  new Errors.ModelNotFound({
    provider,
    model,
    // some servers list whole catalogs
    available: nearestFirst(model, available)
      .slice(0, most)
      .map((name) => name.slice(0, longest)),
    remedy: `get it with "ollama pull ${model}"`
  })

// internal

/** Models that a failure keeps, and characters of their names. */
const most = 200
const longest = 200

/** `llama3.2` of `llama3.2:1b`. */
const family = (model: string): string => {
  const name = fullName(model)
  return name.slice(0, name.lastIndexOf(":"))
}
