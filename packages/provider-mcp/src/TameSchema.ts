/**
 * A schema that a server tells without the words by which it could hold up whoever checks a value: nothing can stop a
 * match that has begun. All other words stay, and the very same schema comes back when there is nothing to leave out.
 */
import { Json } from "@gleitzeit/core"
import type { Schema } from "effect"

/** For values of other people: without the patterns that may take for ever. */
export const ofParams = (schema: Schema.JsonObject): Schema.JsonObject => without(schema, mayBeEndless, false)

/** For values of the server, which chooses both: without any pattern, and without comparing all items of a list. */
export const ofResult = (schema: Schema.JsonObject): Schema.JsonObject => without(schema, () => true, true)

/**
 * Whether some text might take a pattern far longer than others of its length: something that varies is repeated within
 * what is repeated, or much is repeated in a row. Says so of some that would do.
 */
export const mayBeEndless = (pattern: string): boolean => {
  if (pattern.length > longest) return true
  // a class and an escaped sign stand for one sign, a reference back for anything
  const plain = pattern.replaceAll(/\\k<[^>]*>|\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]/gsu, (found) =>
    /^\\[1-9k]/.test(found) ? "(x*)*" : "x"
  )
  if ((plain.match(/[*+]|\{\d+,/g) ?? []).length > mostLoops) return true
  const begun: Array<number> = []
  for (let at = 0; at < plain.length; at++) {
    if (plain[at] === "(") begun.push(at)
    if (plain[at] !== ")") continue
    const inner = plain.slice((begun.pop() ?? 0) + 1, at).replace(/^\?(?:[:=!]|<[=!]|<[^>]*>)/, "")
    if (/^[*+{]/.test(plain.slice(at + 1)) && /[*+{?|]/.test(inner)) return true
  }
  return false
}

// internal

/** Characters of a pattern, and how often it may say that something is there any number of times. */
const longest = 1000
const mostLoops = 6

/** Words whose values are no schemas. */
const texts: ReadonlySet<string> = new Set(["default", "const", "enum", "examples"])

const without = (
  schema: Schema.JsonObject,
  isBad: (pattern: string) => boolean,
  isResult: boolean
): Schema.JsonObject => {
  // a reference may make a schema of what stands under any word
  const visit = (value: Schema.Json): Schema.Json => {
    if (Json.isArray(value)) {
      const items = value.map(visit)
      return items.every((item, index) => item === value[index]) ? value : items
    }
    if (!Json.isObject(value)) return value
    const { pattern, patternProperties, uniqueItems } = value
    const left = new Set<string>()
    if (typeof pattern === "string" && isBad(pattern)) left.add("pattern")
    if (isResult && uniqueItems === true) left.add("uniqueItems")
    if (Json.isObject(patternProperties) && Object.keys(patternProperties).some(isBad)) {
      // without them, what they allow would be too much
      for (const word of ["patternProperties", "additionalProperties", "unevaluatedProperties"]) left.add(word)
    }
    const entries = Object.entries(value)
      .filter(([word]) => !left.has(word))
      .map(([word, inner]) => [word, texts.has(word) ? inner : visit(inner)] as const)
    const isSame = left.size === 0 && entries.every(([word, inner]) => inner === value[word])
    return isSame ? value : Object.fromEntries(entries)
  }
  const visited = visit(schema)
  // Safe: an object gives an object.
  return visited as Schema.JsonObject
}
