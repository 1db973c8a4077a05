/**
 * The text of an expression before CEL reads it: each `${...}` outside quotes becomes a name, comments become spaces.
 * Every part keeps its length, so that offsets in the outcome are offsets in the expression.
 */
import { type Names, parseAt, type Reference } from "./ReferenceSyntax.ts"

export interface Masked {
  readonly text: string
  /** The references that became names, in order; a name stands at its reference's `offset`. */
  readonly references: ReadonlyArray<Reference>
  readonly problems: ReadonlyArray<{ readonly offset: number; readonly message: string }>
}

export const mask = (expression: string, names: Names): Masked => {
  const references: Array<Reference> = []
  const problems: Array<{ readonly offset: number; readonly message: string }> = []
  let text = ""
  while (text.length < expression.length) {
    const at = text.length
    if (expression.startsWith("${", at)) {
      const reference = parseAt(expression, at, names)
      // the shortest reference, `${}`, is as long as the longest name: 3 signs serve 1,296 references
      text += `_${references.length.toString(36)}`.padEnd(reference.raw.length)
      references.push(reference)
      continue
    }
    const end = quotedEnd(expression, at) ?? commentEnd(expression, at)
    if (end === undefined) text += expression[at]
    else if (expression[at] === "/") text += " ".repeat(end - at)
    else {
      const literal = expression.slice(at, end)
      const inside = /(?<!\$)\$\{/.exec(literal)
      if (inside !== null) {
        const message = "a reference in quotes is text: leave the quotes away, or write `$${` for the signs themselves"
        problems.push({ offset: at + inside.index, message })
      }
      text += literal.replaceAll("$${", "${").padEnd(end - at)
    }
  }
  return { text, references, problems }
}

// internal

/** Where a string ends that begins here; one that does not end is CEL's to complain about. */
const quotedEnd = (text: string, from: number): number | undefined => {
  const quote = text[from]
  if (quote !== '"' && quote !== "'") return undefined
  const close = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote
  let at = from + close.length
  while (at < text.length && !text.startsWith(close, at)) at += text[at] === "\\" ? 2 : 1
  return Math.min(text.length, at + close.length)
}

const commentEnd = (text: string, from: number): number | undefined => {
  if (!text.startsWith("//", from)) return undefined
  const end = text.indexOf("\n", from)
  return end < 0 ? text.length : end
}
