/**
 * A document as a tree whose parts know where they stand in its text. YAML, JSON and plain values make the same tree;
 * how they are read is in `YamlText`, `JsonText` and `fromValue`. Nothing here knows what a workflow is.
 */
import type { Schema } from "effect"
import type { Complaints } from "./Complaints.ts"

/** Both from 1; the column in UTF-16 units. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface Place {
  /** UTF-16 offset of its first sign. 0 in a document without text. */
  readonly start: number
  /** Behind its last sign. */
  readonly end: number
  /** `tasks[2].params`: names the place where a document has no text. */
  readonly path?: string
}

export interface Scalar extends Place {
  readonly kind: "scalar"
  readonly value: string | number | boolean | null
  readonly style: "plain" | "quoted" | "literal" | "folded"
  /** A number's digits: `1.0` is 1. */
  readonly written?: string
}

export interface List extends Place {
  readonly kind: "list"
  readonly value: Schema.JsonArray
  readonly items: ReadonlyArray<Node>
}

export interface Mapping extends Place {
  readonly kind: "mapping"
  readonly value: Schema.JsonObject
  readonly entries: ReadonlyMap<string, Entry>
}

/** `value` of each is its JSON. What an alias stands for is shared, not copied. */
export type Node = Scalar | List | Mapping

export interface Entry {
  readonly key: Place
  readonly value: Node
}

/** Lists and mappings inside each other. */
export const maxDepth = 100

/** In UTF-16 units. */
export const maxLength = 4_000_000

/** Lists, mappings and scalars of a document that comes as a value. */
export const maxNodes = 5_000_000

export const list = (items: ReadonlyArray<Node>, place: Place): List => ({
  kind: "list",
  ...place,
  items,
  value: items.map(({ value }) => value)
})

export const mapping = (entries: ReadonlyMap<string, Entry>, place: Place): Mapping => ({
  kind: "mapping",
  ...place,
  entries,
  // a key named `__proto__` never gets here
  value: Object.fromEntries([...entries].map(([key, entry]) => [key, entry.value.value]))
})

/** Where an offset of a text is. */
export const positions = (text: string): ((offset: number) => Position) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

/**
 * The offset in the text of a place inside a string: exact in plain and quoted scalars written as they are and in
 * literal blocks, else where the scalar begins.
 */
export const inside = (text: string, { end, start, style, value }: Scalar, offset: number): number => {
  if (typeof value !== "string" || offset > value.length) return start
  if (style === "plain") return text.slice(start, end) === value ? start + offset : start
  if (style === "quoted") return text.slice(start + 1, end - 1) === value ? start + 1 + offset : start
  if (style === "folded") return start
  const before = value.slice(0, offset)
  const row = before.split("\n").length - 1
  const column = offset - (before.lastIndexOf("\n") + 1)
  let line = text.indexOf("\n", start) + 1
  for (let i = 0; i < row && line > 0; i++) line = text.indexOf("\n", line) + 1
  if (line === 0) return start
  // every line of the block is the value's line behind the block's indentation
  const written = lineAt(text, line).length
  const kept = lineAt(value, offset - column).length
  return line + Math.max(0, written - kept) + column
}

/** The offset of the line that a string's first line is, where its lines are lines of the text; else undefined. */
export const ownLines = (text: string, { end, start, style, value }: Scalar): number | undefined => {
  if (typeof value !== "string" || style === "folded") return undefined
  if (style === "literal") return text.indexOf("\n", start) + 1 || undefined
  // an escape in quotes begins a line of the string alone
  return value.includes("\n") || text.slice(start, end).includes("\n") ? undefined : start
}

/** A document that is a value. What has no form in JSON is a complaint; `undefined` as a property is none at all. */
export const fromValue = (value: unknown, complaints: Complaints): Node | undefined => {
  let nodes = 0
  let stopped = false
  const stop = (path: string, code: string, message: string) => {
    if (!stopped) complaints.add(at(path), code, message)
    stopped = true
    return undefined
  }
  const read = (value: unknown, path: string, depth: number): Node | undefined => {
    if (stopped) return undefined
    if (++nodes > maxNodes) return stop("", "too-large", `the document has more than ${maxNodes} parts`)
    if (depth > maxDepth) return stop(path, "too-deep", `nested more than ${maxDepth} deep`)
    if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) {
      // Safe: `Number.isFinite` holds for numbers alone.
      return { kind: "scalar", ...at(path), value: value as Scalar["value"], style: "folded" }
    }
    if (Array.isArray(value)) {
      const items = Array.from(value, (item, index) => read(item, `${path}[${index}]`, depth + 1))
      return list(
        items.filter((item) => item !== undefined),
        at(path)
      )
    }
    if (typeof value !== "object" || !isPlain(value)) {
      complaints.add(
        at(path),
        "wrong-type",
        `expected JSON, found ${typeof value === "object" ? "an object of a class" : `a value of type ${typeof value}`}`
      )
      return undefined
    }
    const entries = new Map<string, Entry>()
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue
      const below = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key)
        ? `${path === "" ? "" : `${path}.`}${key}`
        : `${path}[${JSON.stringify(key)}]`
      if (key === "__proto__") complaints.add(at(below), "forbidden-key", forbiddenKey)
      else {
        const node = read(item, below, depth + 1)
        if (node !== undefined) entries.set(key, { key: at(below), value: node })
      }
    }
    return mapping(entries, at(path))
  }
  const root = read(value, "", 0)
  return stopped ? undefined : root
}

export const forbiddenKey = "`__proto__` cannot be the name of a key"

// internal

const at = (path: string): Place => ({ start: 0, end: 0, path })

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** From an offset to the end of its line. */
const lineAt = (text: string, from: number): string => {
  const end = text.indexOf("\n", from)
  return text.slice(from, end < 0 ? text.length : end).replace(/\r$/, "")
}
