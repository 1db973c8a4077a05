/**
 * JSON as a tree with places. Stricter than YAML, which takes JSON too: no comments, no trailing commas. Syntax has one
 * complaint, the first, because nothing behind it can be trusted.
 */
import type { Complaints } from "./Complaints.ts"
import { type Entry, forbiddenKey, list, mapping, maxDepth, type Node } from "./Position.ts"

/** `undefined` when it cannot be read, or is empty. */
export const read = (text: string, complaints: Complaints): Node | undefined => {
  const reader = new Reader(text, complaints)
  try {
    return reader.document()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    complaints.add({ start: error.offset }, error.code, error.message)
    return undefined
  }
}

// internal

/** Ends the reading. */
class Stop extends Error {
  readonly offset: number
  readonly code: string
  constructor(offset: number, message: string, code = "syntax") {
    super(message)
    this.offset = offset
    this.code = code
  }
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const words = new Map<string, boolean | null>([
  ["true", true],
  ["false", false],
  ["null", null]
])

class Reader {
  readonly #text: string
  readonly #complaints: Complaints
  #at = 0

  constructor(text: string, complaints: Complaints) {
    this.#text = text
    this.#complaints = complaints
  }

  document(): Node | undefined {
    this.#space()
    if (this.#at === this.#text.length) return undefined
    const root = this.#value(0)
    this.#space()
    if (this.#at < this.#text.length) this.#expected("the end of the file")
    return root
  }

  #value(depth: number): Node {
    const start = this.#at
    if (depth > maxDepth) throw new Stop(start, `nested more than ${maxDepth} deep`, "too-deep")
    const sign = this.#text[start]
    if (sign === "{") return this.#mapping(depth)
    if (sign === "[") return this.#list(depth)
    if (sign === '"') {
      const value = this.#string()
      return { kind: "scalar", start, end: this.#at, value, style: "quoted" }
    }
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, start)) {
        this.#at += word.length
        return { kind: "scalar", start, end: this.#at, value, style: "plain" }
      }
    }
    number.lastIndex = start
    const digits = number.exec(this.#text)?.[0]
    if (digits === undefined) return this.#expected('a value: {…}, […], "text", a number, true, false or null')
    this.#at += digits.length
    const value = Number(digits)
    if (!Number.isFinite(value)) throw new Stop(start, `the number ${digits} is too large`)
    return { kind: "scalar", start, end: this.#at, value, style: "plain", written: digits }
  }

  #mapping(depth: number): Node {
    const start = this.#at++
    const entries = new Map<string, Entry>()
    this.#space()
    if (this.#take("}")) return mapping(entries, { start, end: this.#at })
    do {
      this.#space()
      const key = { start: this.#at, end: 0 }
      if (this.#text[this.#at] !== '"') this.#expected("a key in double quotes")
      const name = this.#string()
      key.end = this.#at
      this.#space()
      if (!this.#take(":")) this.#expected('":"')
      this.#space()
      const value = this.#value(depth + 1)
      const former = entries.get(name)
      if (name === "__proto__") this.#complaints.add(key, "forbidden-key", forbiddenKey)
      else if (former === undefined) entries.set(name, { key, value })
      else this.#complaints.add(key, "duplicate-key", twice(name, this.#complaints.position(former.key.start).line))
      this.#space()
    } while (this.#take(","))
    if (!this.#take("}")) this.#expected('"," or "}"')
    return mapping(entries, { start, end: this.#at })
  }

  #list(depth: number): Node {
    const start = this.#at++
    const items: Array<Node> = []
    this.#space()
    if (this.#take("]")) return list(items, { start, end: this.#at })
    do {
      this.#space()
      items.push(this.#value(depth + 1))
      this.#space()
    } while (this.#take(","))
    if (!this.#take("]")) this.#expected('"," or "]"')
    return list(items, { start, end: this.#at })
  }

  #string(): string {
    const start = this.#at
    let end = start + 1
    while (end < this.#text.length && this.#text[end] !== '"') {
      if (this.#text[end] === "\n")
        throw new Stop(start, "the text does not end on its line: a line break is written \\n")
      end += this.#text[end] === "\\" ? 2 : 1
    }
    if (end >= this.#text.length) throw new Stop(start, "the text that begins here does not end")
    this.#at = end + 1
    try {
      return String(JSON.parse(this.#text.slice(start, end + 1)))
    } catch {
      throw new Stop(start, "the text has an escape or a control character that JSON does not know")
    }
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++
  }

  #take(sign: string): boolean {
    const found = this.#text[this.#at] === sign
    if (found) this.#at++
    return found
  }

  #expected(what: string): never {
    const found = this.#text[this.#at]
    throw new Stop(this.#at, `expected ${what}, found ${found === undefined ? "the end of the file" : `"${found}"`}`)
  }
}

/** `line`: of the first. */
export const twice = (key: string, line: number): string => `the key "${key}" is given twice, first on line ${line}`
