/**
 * What surrounds the CEL library: the text of an expression before it is read, the tree made of it as far as names are
 * concerned, and values as CEL has them. Knows the form of the tree and of the values, not the library that makes them.
 */
import type { Schema } from "effect"
import { type Names, parseAt, type Reference, type Step } from "./ReferenceSyntax.ts"

// text

export interface Masked {
  readonly text: string
  /** The references that became names, in order; a name stands at its reference's `offset`. */
  readonly references: ReadonlyArray<Reference>
  readonly problems: ReadonlyArray<{ readonly offset: number; readonly message: string }>
}

/**
 * Each `${...}` outside quotes becomes a name, comments become spaces. Every part keeps its length, so that offsets in
 * the outcome are offsets in the expression.
 */
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
    if (end === undefined) {
      special.lastIndex = at + 1
      text += expression.slice(at, special.exec(expression)?.index ?? expression.length)
    } else if (expression[at] === "/") text += " ".repeat(end - at)
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

// tree

interface Part<Op extends string, Args> {
  readonly op: Op
  readonly args: Args
  /** In the expression, in UTF-16 units. */
  readonly start: number
  readonly end: number
}
export type Id = Part<"id", string>
export type Access = Part<"." | ".?", readonly [Node, string]> | Part<"[]" | "[?]", readonly [Node, Node]>
type Infix = "!=" | "==" | "in" | "+" | "-" | "*" | "/" | "%" | "<" | "<=" | ">" | ">=" | "||" | "&&"
export type Node =
  | Id
  | Access
  | Part<"value", unknown>
  | Part<"call", readonly [string, ReadonlyArray<Node>]>
  | Part<"rcall", readonly [string, Node, ReadonlyArray<Node>]>
  | Part<"list" | "?:" | Infix, ReadonlyArray<Node>>
  | Part<"map", ReadonlyArray<readonly [Node, Node]>>
  | Part<"!_" | "-_", Node>

export const isAccess = (node: Node): node is Access =>
  node.op === "." || node.op === ".?" || node.op === "[]" || node.op === "[?]"

/** A name and the steps behind it that are known beforehand. */
export interface Chain {
  readonly base: Node
  readonly steps: ReadonlyArray<{ readonly step: Step; readonly key: string | bigint }>
  /** The last step may find nothing: it stands behind `.?`, or in `has(...)`. */
  readonly optional: boolean
  /** Further steps follow. */
  readonly open: boolean
  /** Where its last step ends. */
  readonly end: number
  /** What stands in the brackets of further steps. */
  readonly inside: ReadonlyArray<Node>
}

export const chainOf = (node: Node, has: boolean): Chain => {
  const accesses: Array<Access> = []
  let base = node
  while (isAccess(base)) {
    accesses.push(base)
    base = base.args[0]
  }
  accesses.reverse()
  const steps: Array<Chain["steps"][number]> = []
  let optional = false
  let end = base.end
  for (const access of accesses) {
    const step = optional ? undefined : stepOf(access)
    if (step === undefined) break
    steps.push(step)
    end = access.end
    optional = access.op === ".?" || access.op === "[?]"
  }
  const open = steps.length < accesses.length
  const inside = accesses
    .slice(steps.length)
    .flatMap(({ args: [, index] }) => (typeof index === "object" ? [index] : []))
  return { base, steps, optional: optional || (has && !open && steps.length > 0), open, end, inside }
}

/** The variable a macro declares: `r` of `rows.map(r, r.x)`. */
export const variableOf = (node: Node): Id | undefined => {
  if (node.op !== "rcall") return undefined
  const [macro, receiver, args] = node.args
  const declares =
    macro === "bind" ? receiver.op === "id" && receiver.args === "cel" : macros.has(`${macro}/${args.length}`)
  return declares && args[0]?.op === "id" ? args[0] : undefined
}

/** `scoped`: where a macro's variable is seen. */
export const childrenOf = (
  node: Exclude<Node, Id | Access>
): ReadonlyArray<{ readonly node: Node; readonly scoped: boolean }> => {
  const plain = (nodes: ReadonlyArray<Node>) => nodes.map((node) => ({ node, scoped: false }))
  switch (node.op) {
    case "value":
      return []
    case "!_":
    case "-_":
      return plain([node.args])
    case "call":
      return plain(node.args[1])
    case "rcall": {
      const [macro, receiver, args] = node.args
      return [
        { node: receiver, scoped: false },
        ...args.map((node, i) => ({ node, scoped: macro !== "bind" || i > 1 }))
      ]
    }
    case "map":
      return plain(node.args.flat())
    default:
      return plain(node.args)
  }
}

// values

/**
 * Integers become numbers, timestamps and durations text, an optional its value. Throws a `NoJson` for what JSON has
 * no form for. A value that is JSON already is handed on as it is.
 */
export const toJson = (value: unknown): Schema.Json => (isJson(value) ? value : convert(value))

export class NoJson extends Error {}

/** In words, for messages: `a number`, `a list`. */
export const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  switch (typeof value) {
    case "string":
      return "text"
    case "number":
    case "bigint":
      return "a number"
    case "boolean":
      return `${value}`
    default:
      return value instanceof Uint8Array ? "bytes" : isOptional(value) ? "an optional" : "an object"
  }
}

// internal

/** Where something may begin that is more than itself. */
const special = /["'$/]/g

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

const stepOf = ({ args: [, index] }: Access): Chain["steps"][number] | undefined => {
  if (typeof index === "string") return { step: index, key: index }
  if (index.op !== "value") return undefined
  if (typeof index.args === "string") return { step: index.args, key: index.args }
  return typeof index.args === "bigint" && index.args <= Number.MAX_SAFE_INTEGER
    ? { step: Number(index.args), key: index.args }
    : undefined
}

const macros = new Set(["all/2", "exists/2", "exists_one/2", "filter/2", "map/2", "map/3"])

/** Looks at everything without calling itself: JSON may be deeper than the call stack. */
const isJson = (value: unknown): value is Schema.Json => {
  const stack = [value]
  while (stack.length > 0) {
    const next = stack.pop()
    if (next === null || typeof next === "string" || typeof next === "boolean") continue
    if (typeof next === "number" && Number.isFinite(next)) continue
    if (Array.isArray(next)) for (const item of next) stack.push(item)
    else if (isPlain(next)) for (const key of Object.keys(next)) stack.push(next[key])
    else return false
  }
  return true
}

const convert = (value: unknown): Schema.Json => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value
    throw new NoJson(`it gives ${value}, which is no number in JSON`)
  }
  if (typeof value === "bigint") {
    if (Number.isSafeInteger(Number(value))) return Number(value)
    throw new NoJson("it gives an integer beyond 2^53, which JSON cannot hold exactly: make it text with string(...)")
  }
  if (Array.isArray(value)) return value.map(convert)
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]))
  if (isOptional(value)) {
    if (value.hasValue()) return convert(value.value())
    throw new NoJson("it gives an optional without a value: add .orValue(...)")
  }
  if (value instanceof Date) return value.toISOString()
  if (typeof value === "object" && tagOf(value) === "google.protobuf.Duration") return String(value)
  const plain: unknown = typeof value === "object" && !(value instanceof Uint8Array) ? value.valueOf() : undefined
  if (typeof plain === "bigint") return convert(plain)
  throw new NoJson(`it gives ${kindOf(value)}, which JSON has no form for`)
}

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

interface Optional {
  readonly hasValue: () => boolean
  readonly value: () => unknown
}

const isOptional = (value: unknown): value is Optional =>
  typeof value === "object" && value !== null && tagOf(value) === "optional" && "hasValue" in value && "value" in value

const tagOf = (value: object): unknown => Reflect.get(value, Symbol.toStringTag)
