/** One complaint about a workflow file: what is wrong, where, and what would have worked. */
import { Schema } from "effect"

export const Diagnostic = Schema.Struct({
  /** As it was given on the command line; absent for a document that is no file. */
  file: Schema.optionalKey(Schema.String),
  /** From 1. */
  line: Schema.Int,
  /** From 1, in UTF-16 units. */
  column: Schema.Int,
  severity: Schema.Literals(["error", "warning"]),
  /** A word for machines, such as `unknown-key`. */
  code: Schema.String,
  message: Schema.String,
  /** What was probably meant. */
  suggestion: Schema.optionalKey(Schema.String)
})
export type Diagnostic = typeof Diagnostic.Type

/** `file:line:column: message, did you mean "x"?` */
export const format = ({ column, file, line, message, severity, suggestion }: Diagnostic): string =>
  `${file === undefined ? "" : `${file}:`}${line}:${column}: ${severity === "warning" ? "warning: " : ""}${message}${
    suggestion === undefined ? "" : `, did you mean "${suggestion}"?`
  }`

/** The nearest of some names: within a third of its length, or the same but for case and separators. */
export const nearest = (name: string, known: Iterable<string>): string | undefined => {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_ ./]/g, "")
  const own = plain(name)
  let best: string | undefined
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance =
      plain(candidate) === own ? 0.5 : name.length > longest ? least : editDistance(name, candidate, least)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

// internal

/** Characters of a name beyond which nobody writes it by hand: looking for slips in it takes time that nobody has. */
const longest = 200

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); `limit` or more is `limit`. */
const editDistance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: ReadonlyArray<number> = []
  let above: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    // from here on it only grows
    if (i > 1 && Math.min(...row, ...above) >= limit) return limit
    before = above
    above = row
  }
  return Math.min(above[b.length]!, limit)
}
