/**
 * YAML 1.2 as a tree with places: one document of plain values. Tags are refused, aliases may not blow the document up,
 * keys are text. The only file that knows the YAML library.
 */
import {
  Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  Scalar,
  type YAMLError,
  type YAMLMap
} from "yaml"
import type { Complaints } from "./Complaints.ts"
import { twice } from "./JsonText.ts"
import {
  type Entry,
  forbiddenKey,
  list,
  mapping,
  maxDepth,
  type Node,
  type Place,
  type Scalar as ScalarNode
} from "./Position.ts"

/** What aliases may add to a document, in characters. */
export const maxAliased = 1_000_000

/** `undefined` when it cannot be read, or is empty. */
export const read = (text: string, complaints: Complaints): Node | undefined => {
  const document = parseDocument(text, {
    schema: "core",
    version: "1.2",
    merge: false,
    resolveKnownTags: false,
    // looked at here: the library compares each with each
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "error"
  })
  for (const warning of document.warnings) {
    if (warning.code !== "TAG_RESOLVE_FAILED") {
      complaints.add({ start: warning.pos[0] }, "syntax", warning.message, { severity: "warning" })
      continue
    }
    const tag = text.slice(...warning.pos)
    complaints.add({ start: warning.pos[0] }, "tag", `the tag ${tag} is refused: a workflow holds plain values`)
  }
  addErrors(text, document, complaints)
  // behind a slip of syntax the tree is a guess
  if (document.errors.some(({ code }) => code !== "MULTIPLE_DOCS")) return undefined
  if (document.contents === null) return undefined
  const converter = new Converter(text, complaints)
  try {
    const root = converter.convert(document.contents, 0)
    return root.kind === "scalar" && root.value === null && root.start === root.end ? undefined : root
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    complaints.add(error.place, error.code, error.message)
    return undefined
  }
}

// internal

/** Ends the conversion. */
class Stop extends Error {
  readonly place: Place
  readonly code: string
  constructor(place: Place, code: string, message: string) {
    super(message)
    this.place = place
    this.code = code
  }
}

/** An anchor that has been read, with its weight: the characters of its values, aliases filled in. */
interface Anchored {
  readonly node: Node
  readonly weight: number
}

class Converter {
  readonly #text: string
  readonly #complaints: Complaints
  /** `undefined`: the anchor's own content is being read. */
  readonly #anchors = new Map<string, Anchored | undefined>()
  #weight = 0
  #aliased = 0

  constructor(text: string, complaints: Complaints) {
    this.#text = text
    this.#complaints = complaints
  }

  convert(node: unknown, depth: number): Node {
    const place = placeOf(node)
    if (depth > maxDepth) throw new Stop(place, "too-deep", `nested more than ${maxDepth} deep`)
    if (isAlias(node)) return this.#alias(node, place)
    const anchor = isScalar(node) || isCollection(node) ? node.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, undefined)
    const before = this.#weight
    const converted = this.#plain(node, place, depth)
    if (anchor !== undefined) this.#anchors.set(anchor, { node: converted, weight: this.#weight - before })
    return converted
  }

  #plain(node: unknown, place: Place, depth: number): Node {
    this.#weight++
    if (isMap(node)) return this.#mapping(node, place, depth)
    if (isSeq(node)) {
      return list(
        node.items.map((item) => this.convert(item, depth + 1)),
        place
      )
    }
    return this.#scalar(node, place)
  }

  #scalar(node: unknown, place: Place): Node {
    const value = isScalar(node) ? node.value : null
    const style = isScalar(node) ? styleOf(node) : "plain"
    if (typeof value === "number") {
      this.#number(value, place)
      return { kind: "scalar", ...place, value, style, written: this.#text.slice(place.start, place.end) }
    }
    if (typeof value === "string") this.#weight += value.length
    const known = value === null || typeof value === "string" || typeof value === "boolean"
    return { kind: "scalar", ...place, value: known ? value : String(value), style }
  }

  #number(value: number, place: Place): void {
    const written = this.#text.slice(place.start, place.end)
    if (!Number.isFinite(value)) {
      this.#complaints.add(place, "wrong-type", `${written} is a number that JSON has no form for`)
    } else if (!Number.isSafeInteger(value) && /^[-+]?\d+$/.test(written) && String(value) !== written) {
      this.#complaints.add(
        place,
        "imprecise-number",
        `the number ${written} is too large to be exact: put it in quotes to keep its digits`,
        { severity: "warning" }
      )
    }
  }

  #mapping(node: YAMLMap, place: Place, depth: number): Node {
    const entries = new Map<string, Entry>()
    const merged: Array<Node> = []
    for (const pair of node.items) {
      const key = placeOf(pair.key)
      const name = this.#name(pair.key, key)
      // a key without a value: null, right behind the key
      const value =
        pair.value === null || pair.value === undefined
          ? this.#scalar(undefined, { start: key.end, end: key.end })
          : this.convert(pair.value, depth + 1)
      if (name === undefined) continue
      this.#weight += name.length
      const former = entries.get(name)
      if (name === "<<" && isScalar(pair.key) && pair.key.type === Scalar.PLAIN) merged.push(...this.#merged(value))
      else if (name === "__proto__") this.#complaints.add(key, "forbidden-key", forbiddenKey)
      else if (former === undefined) entries.set(name, { key, value })
      else this.#complaints.add(key, "duplicate-key", twice(name, this.#complaints.position(former.key.start).line))
    }
    for (const source of merged) {
      if (source.kind !== "mapping")
        this.#complaints.add(source, "wrong-type", "`<<` takes in a mapping, or a list of mappings")
      else for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry)
    }
    return mapping(entries, place)
  }

  #merged(value: Node): ReadonlyArray<Node> {
    return value.kind === "list" ? value.items : [value]
  }

  #name(key: unknown, place: Place): string | undefined {
    if (isScalar(key) && typeof key.value === "string") {
      if (key.anchor !== undefined) {
        this.#anchors.set(key.anchor, { node: this.#scalar(key, place), weight: key.value.length + 1 })
      }
      return key.value
    }
    const written = this.#text.slice(place.start, place.end)
    const message =
      written === ""
        ? "a key is missing before `:`"
        : isScalar(key)
          ? `the key ${written} is not text: put it in quotes, "${written}"`
          : "a key is text, not a list, a mapping or an alias"
    this.#complaints.add(place, "non-string-key", message)
    return undefined
  }

  #alias(alias: Alias, place: Place): Node {
    const anchored = this.#anchors.get(alias.source)
    if (anchored === undefined) {
      const message = this.#anchors.has(alias.source)
        ? `the alias *${alias.source} stands inside what it stands for`
        : `the alias *${alias.source} has no anchor &${alias.source} before it`
      this.#complaints.add(place, "alias", message)
      return { kind: "scalar", ...place, value: null, style: "plain" }
    }
    this.#aliased += anchored.weight
    this.#weight += anchored.weight
    if (this.#aliased > maxAliased) {
      throw new Stop(place, "alias-bomb", `aliases make the document longer by more than ${maxAliased} characters`)
    }
    return anchored.node
  }
}

const placeOf = (node: unknown): Place => {
  const range = isScalar(node) || isCollection(node) || isAlias(node) ? node.range : undefined
  return { start: range?.[0] ?? 0, end: range?.[1] ?? 0 }
}

const styleOf = ({ type }: Scalar): ScalarNode["style"] =>
  type === Scalar.BLOCK_LITERAL
    ? "literal"
    : type === Scalar.BLOCK_FOLDED
      ? "folded"
      : type === Scalar.PLAIN
        ? "plain"
        : "quoted"

/** One a line: what follows on the same line mostly follows from it. */
const addErrors = (text: string, document: Document.Parsed, complaints: Complaints): void => {
  const lines = new Set<number>()
  for (const error of document.errors) {
    const start = error.code === "MISSING_CHAR" && /quote/.test(error.message) ? lastQuote(document) : undefined
    const place = { start: start ?? Math.min(error.pos[0], text.trimEnd().length) }
    const { line } = complaints.position(place.start)
    if (lines.has(line)) continue
    lines.add(line)
    const code =
      error.code === "TAB_AS_INDENT"
        ? "tab"
        : error.code === "MULTIPLE_DOCS"
          ? "several-documents"
          : error.code === "RESOURCE_EXHAUSTION"
            ? "too-deep"
            : "syntax"
    complaints.add(place, code, `${messageOf(error, start !== undefined)}${hint(text, place.start, code)}`)
    if (code === "too-deep") return
  }
}

const messageOf = (error: YAMLError, quote: boolean): string => {
  if (quote) return "the text that begins here in quotes does not end"
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "a tab indents this line, expected spaces"
    case "MULTIPLE_DOCS":
      return "a second document begins here, expected one workflow in a file"
    case "RESOURCE_EXHAUSTION":
      return `nested more than ${maxDepth} deep`
    case "BLOCK_AS_IMPLICIT_KEY":
      return 'a second ": " on this line: put the value in quotes, or begin the mapping on a line of its own'
    default:
      return error.message
  }
}

const hint = (text: string, offset: number, code: string): string => {
  const end = text.indexOf("\n", offset)
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, end < 0 ? text.length : end)
  return code === "syntax" && /(?<!["'$])\$\{/.test(line) && /[[{].*\$\{/.test(line)
    ? '; inside [ ] and { } a reference needs quotes: "${…}"'
    : ""
}

/** Where the last scalar begins, if it is in quotes. */
const lastQuote = (document: Document.Parsed): number | undefined => {
  let node: unknown = document.contents
  while (isCollection(node)) {
    const last: unknown = node.items.at(-1)
    node = isPair(last) ? (last.value ?? last.key) : last
  }
  return isScalar(node) && node.type !== Scalar.PLAIN ? node.range?.[0] : undefined
}
