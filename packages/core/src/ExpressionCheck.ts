/**
 * Conditions and `foreach` expressions against what is known of the values they speak of: fields that are not there, and
 * what CEL cannot do with values of their types. What is open is never wrong.
 */
import { type CelType, type TypeFinding, typed } from "./Cel.ts"
import {
  type Chain,
  type Access,
  chainOf,
  childrenOf,
  type Id,
  isAccess,
  mask,
  type Node,
  variableOf
} from "./Expression.ts"
import { or } from "./JsonSchemaWords.ts"
import { alternative, type Names, type Path, type Reference } from "./ReferenceSyntax.ts"
import { deadBelow } from "./ResultPath.ts"
import { described, isDisjoint, kind, kinds, numbers } from "./SchemaMatch.ts"
import * as ValueSchema from "./ValueSchema.ts"
import type { Value } from "./ValueSchema.ts"

export interface Issue {
  /** In the expression, in UTF-16 units. */
  readonly offset: number
  readonly code: "unknown-field" | "type-mismatch"
  /** Of values that the document itself holds a comparison may be meant. */
  readonly severity: "error" | "warning"
  readonly message: string
  readonly suggestion?: string
}

export interface Reading {
  readonly issues: ReadonlyArray<Issue>
  /** What the whole gives. */
  readonly value: Value
  /** The same in CEL's words. `undefined`: it is not known, or there are errors. */
  readonly type: string | undefined
}

/**
 * Of an expression that `Condition` compiles; of one that it does not, nothing is known. `valueOf`: what is known of a
 * reference, whose own path is not looked at here.
 */
export const read = (
  expression: string,
  names: Names,
  valueOf: (reference: Pick<Reference, "alternatives">) => Value
): Reading => {
  try {
    return new Reader(expression, names, valueOf).read()
  } catch {
    return { issues: [], value: undefined, type: undefined }
  }
}

/** Why a condition gives neither true nor false. */
export const noCondition = ({ type }: Reading): string | undefined =>
  type === undefined || type === "bool" || isOpen(type)
    ? undefined
    : `it gives ${inWords(type)}, a condition gives true or false`

/** Why a `foreach` has no list. */
export const noList = ({ type }: Reading): string | undefined =>
  type === undefined || type.startsWith("list") || type.startsWith("optional") || isOpen(type)
    ? undefined
    : `it gives ${inWords(type)}, \`foreach\` takes a list`

// internal

type Locals = ReadonlyMap<string, Value>

class Reader {
  readonly #names: Names
  readonly #valueOf: (reference: Pick<Reference, "alternatives">) => Value
  readonly #written: ReadonlyMap<number, Reference>
  readonly #program: ReturnType<typeof typed>
  readonly #issues: Array<Issue> = []

  constructor(expression: string, names: Names, valueOf: (reference: Pick<Reference, "alternatives">) => Value) {
    const { references, text } = mask(expression, names)
    this.#names = names
    this.#valueOf = valueOf
    this.#written = new Map(references.map((reference) => [reference.offset, reference]))
    this.#program = typed(text)
  }

  read(): Reading {
    const value = this.#walk(this.#program.ast, new Map())
    const isWrong = this.#issues.some(({ severity }) => severity === "error")
    const found = isWrong ? undefined : this.#program.check()
    if (found !== undefined && "offset" in found) {
      const isSaid = this.#issues.some(({ offset }) => offset === found.offset)
      const message = isSaid ? undefined : messageOf(found)
      if (message !== undefined) this.#mismatch(found.offset, message)
    }
    return { issues: this.#issues, value, type: found !== undefined && "type" in found ? found.type : undefined }
  }

  /** `loose`: CEL would compare its type with others more strictly than the value. */
  #walk(node: Node, locals: Locals, loose = false, has = false): Value {
    if (node.op === "id" || isAccess(node)) return this.#chain(node, chainOf(node, has), locals, loose)
    const variable = variableOf(node)
    if (variable === undefined || node.op !== "rcall") return this.#plain(node, locals)
    const [macro, receiver, args] = node.args
    if (macro === "bind") {
      const bound = args[1] === undefined ? undefined : this.#walk(args[1], locals, true)
      const inner = new Map([...locals, [variable.args, bound] as const])
      return args[2] === undefined ? undefined : this.#walk(args[2], inner, loose)
    }
    const items = this.#walk(receiver, locals)
    const inner = new Map([...locals, [variable.args, itemsOf(items)] as const])
    for (const child of args.slice(1)) this.#walk(child, inner, macro === "map")
    return macro === "filter" && kinds(items) === kind.list ? items : undefined
  }

  #mismatch(offset: number, message: string, severity: Issue["severity"] = "error"): void {
    this.#issues.push({ offset, code: "type-mismatch", severity, message })
  }

  #plain(node: Exclude<Node, Id | Access>, locals: Locals): Value {
    if (node.op === "value") return constant(node.args)
    const isHas = node.op === "call" && node.args[0] === "has"
    const isLoose = node.op === "list" || node.op === "map"
    const values = childrenOf(node).map((child, i) =>
      this.#walk(child.node, locals, isLoose || (node.op === "?:" && i > 0), isHas)
    )
    if (node.op === "==" || node.op === "!=") {
      const [left, right] = values
      // a look for null is never wrong
      const isLook = [left, right].some((value) => value !== undefined && (kinds(value) & kind.nothing) !== 0)
      if (!isLook && isDisjoint(left, right)) {
        const isWritten = values.some(
          (value, i) => node.args[i]?.op !== "value" && value?.some((part) => part.isWritten)
        )
        const message = `${described(left)} is never equal to ${described(right)}`
        this.#mismatch(node.start, message, isWritten ? "warning" : "error")
      }
    }
    return undefined
  }

  #chain(node: Node, chain: Chain, locals: Locals, loose: boolean): Value {
    for (const inside of chain.inside) this.#walk(inside, locals, true)
    const path = chain.steps.map(({ step }) => step)
    const value = this.#base(node, chain, path, locals)
    if (chain.optional) return undefined
    if (!loose) {
      const type = typeOf(value)
      const end = stepNode(node, path.length)
      if (type !== undefined && end !== undefined) this.#program.declare(end, type)
    }
    return chain.open ? undefined : value
  }

  /** What stands at the end of the steps that are known. */
  #base(node: Node, { base, optional }: Chain, path: Path, locals: Locals): Value {
    const written = this.#written.get(base.start)
    if (base.op === "id" && written === undefined && !locals.has(base.args)) {
      const one = alternative(base.args, path, this.#names)
      return one.kind === "unknown" ? undefined : this.#valueOf({ alternatives: [one] })
    }
    const from =
      base.op !== "id"
        ? this.#walk(base, locals)
        : written === undefined
          ? locals.get(base.args)
          : this.#valueOf(written)
    const dead = optional ? undefined : deadBelow(from, path)
    if (dead !== undefined) {
      const { message, suggestion } = dead
      this.#issues.push({
        offset: node.start,
        code: "unknown-field",
        severity: "error",
        message,
        ...(suggestion === undefined ? {} : { suggestion })
      })
    }
    return ValueSchema.at(from, path)
  }
}

/** The node where so many steps of a chain have been taken. */
const stepNode = (node: Node, steps: number): Node | undefined => {
  const nodes: Array<Node> = [node]
  for (let inner = node; isAccess(inner); inner = inner.args[0]) nodes.push(inner.args[0])
  return nodes.at(-1 - steps)
}

/** Of a list its items, of a mapping its keys. */
const itemsOf = (value: Value): Value => {
  const mask = kinds(value)
  if (mask === kind.list) return ValueSchema.items(value)
  return mask === kind.mapping ? ValueSchema.text : undefined
}

const constant = (value: unknown): Value => {
  if (typeof value === "bigint") return ValueSchema.constant(Number(value))
  const isJson = value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)
  // Safe: it is one of these.
  return isJson ? ValueSchema.constant(value as string | number | boolean | null) : undefined
}

const typeOf = (value: Value): CelType | undefined => {
  if (value === undefined || value.length === 0) return undefined
  const mask = kinds(value)
  return (mask & ~numbers) === 0 ? "double" : types.get(mask)
}

const types: ReadonlyMap<number, CelType> = new Map([
  [kind.text, "string"],
  [kind.flag, "bool"],
  [kind.nothing, "null"],
  [kind.list, "list"],
  [kind.mapping, "map"]
])

const isOpen = (type: string): boolean => type.startsWith("dyn")

/** CEL's names of types as people say them. */
const inWords = (type: string): string => {
  if (isOpen(type)) return "anything"
  if (type.startsWith("list")) return "a list"
  if (type.startsWith("map")) return "a mapping"
  if (type.startsWith("optional")) return "an optional"
  return words.get(type) ?? type
}

const words: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["double", "a number"],
  ["int", "a number"],
  ["uint", "a number"],
  ["bool", "true or false"],
  ["null", "null"]
])

/** `undefined`: what CEL refuses of types it would evaluate without complaint. */
const messageOf = ({ code, message, op, operands }: Exclude<TypeFinding, { readonly type: string }>) => {
  const [left = "dyn", right = "dyn"] = operands
  const sign = op.replace("_", "")
  switch (code) {
    case "no_such_overload": {
      if (operands.length === 1)
        return `\`${sign}\` takes ${sign === "!" ? "true or false" : "a number"}, found ${inWords(left)}`
      if (operands.length !== 2 || isAlike(left, right) || (op === "in" && isMember(left, right))) return undefined
      return op === "==" || op === "!="
        ? `${inWords(left)} is never equal to ${inWords(right)}`
        : op === "in"
          ? `${inWords(left)} is never in ${right.startsWith("map") ? "a mapping, whose keys are text" : memberWords(right)}`
          : `\`${sign}\` cannot take ${inWords(left)} and ${inWords(right)}`
    }
    case "invalid_logical_operand": {
      const wrong = operands.filter((type) => type !== "bool" && !isOpen(type))
      return `\`${sign}\` takes true or false, found ${or([...new Set(wrong.map(inWords))])}`
    }
    case "invalid_index_type":
      return right === "string" || right === "bool" ? `a list has items by number, found ${inWords(right)}` : undefined
    case "invalid_condition_type": {
      const found = /got '(.*)'$/.exec(message)?.[1]
      return found === undefined ? undefined : `a condition takes true or false, found ${inWords(found)}`
    }
    case "cannot_index_type":
    case "no_matching_overload":
    case "invalid_comprehension_range":
      return plain(message)
    default:
      return undefined
  }
}

/** Numbers of any kind, and what is made of them. */
const same = (type: string): string => type.replaceAll(/\b(?:int|uint|double)\b/g, "number")

const isAlike = (a: string, b: string): boolean => same(a) === same(b) || [a, b].some((type) => /dyn|null/.test(type))

const isMember = (item: string, list: string): boolean => same(list) === `list<${same(item)}>` || list.includes("dyn")

const memberWords = (list: string): string => {
  const item = /^list<(\w+)>$/.exec(list)?.[1]
  return item === undefined
    ? inWords(list)
    : `a list of ${item === "string" ? "texts" : item === "bool" ? "true or false" : "numbers"}`
}

/** The library's message in our words for types. */
const plain = (message: string): string =>
  message
    .replaceAll(/dyn<([^<>]+)>/g, "$1")
    .replaceAll(/\b(?:double|uint|int)\b/g, "number")
    .replace(/^Expression of type '(.*?)' cannot be range.*$/, "'$1' has no items to go through")
    .replace(/^Cannot index type '(.*)'$/, "'$1' has no fields")
    .replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
