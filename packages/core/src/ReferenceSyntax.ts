/** How `${...}` is written: text taken apart into text and references. Knows the names of tasks, and no value. */
import type { Schema } from "effect"
import { nearest } from "./Diagnostic.ts"
import { type Root, roots } from "./Task.ts"

/** A field by name, or an item by its number from 0. Own fields only; a list has no field but its items. */
export type Step = string | number
export type Path = ReadonlyArray<Step>

/** What a reference may begin with besides roots: ids and labels of tasks, each with the id it stands for. */
export type Names = ReadonlyMap<string, string>

export type Alternative =
  /** `status`: how the task ended (`tasks["t"].status`) instead of a place in its result. */
  | { readonly kind: "task"; readonly task: string; readonly path: Path; readonly status?: true }
  | { readonly kind: "root"; readonly root: Root; readonly path: Path }
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "literal"; readonly value: Schema.Json }
  /** Malformed, or names nothing. Never resolved, whatever stands behind it. */
  | { readonly kind: "unknown"; readonly issue: string; readonly suggestion?: string }

/** One `${...}`. */
export interface Reference {
  /** As written, `${` and `}` included. */
  readonly raw: string
  /** Where it begins in its string, in UTF-16 units. */
  readonly offset: number
  /** Parted by `??`, tried from left to right. At least one. */
  readonly alternatives: ReadonlyArray<Alternative>
}

/** Text and references in order, nothing empty. `$${` is a literal `${` in the text. */
export const parse = (text: string, names: Names): ReadonlyArray<string | Reference> => {
  const parts: Array<string | Reference> = []
  let plain = ""
  let from = 0
  for (let at = text.indexOf("${"); at >= 0; at = text.indexOf("${", from)) {
    if (at > from && text[at - 1] === "$") {
      plain += `${text.slice(from, at - 1)}\${`
      from = at + 2
      continue
    }
    plain += text.slice(from, at)
    if (plain !== "") parts.push(plain)
    plain = ""
    const reference = parseAt(text, at, names)
    parts.push(reference)
    from = at + reference.raw.length
  }
  plain += text.slice(from)
  if (plain !== "") parts.push(plain)
  return parts
}

/** The reference whose `${` stands at `offset`. One that does not end takes the rest of the text. */
export const parseAt = (text: string, offset: number, names: Names): Reference => {
  const alternatives: Array<Alternative> = []
  const ending = (end: number): Reference => ({
    raw: text.slice(offset, end),
    offset,
    alternatives: judged(alternatives)
  })
  for (let at = offset + 2; ; at += 2) {
    const read = readAlternative(text, skipSpace(text, at), names)
    alternatives.push(read.alternative)
    at = skipSpace(text, read.end)
    if (text[at] === "}") return ending(at + 1)
    if (text.startsWith("??", at)) continue
    const end = endOf(text, at)
    if (read.alternative.kind !== "unknown" || end === undefined) {
      const issue =
        end === undefined
          ? "`${` without its `}`; for these two characters themselves write `$${`"
          : `"${excerpt(text.slice(at, end - 1))}" cannot stand in a reference (steps are .field, [0] and ["any key"]; several sources are parted by ??)`
      alternatives.push({ kind: "unknown", issue })
    }
    return ending(end ?? text.length)
  }
}

/** What a name and the steps behind it speak of. */
export const alternative = (name: string, path: Path, names: Names): Alternative => {
  const root = roots.find((root) => root === name)
  if (root === "tasks") return taskByKey(path, names)
  if (root === "secrets") {
    return path.length === 1
      ? { kind: "secret", name: String(path[0]) }
      : { kind: "unknown", issue: "a secret is one name and has no fields: secrets.NAME" }
  }
  if (root !== undefined) return { kind: "root", root, path }
  const task = names.get(name)
  return task === undefined ? unknownName(name, names) : { kind: "task", task, path }
}

// internal

type Unknown = Extract<Alternative, { readonly kind: "unknown" }>

interface Read {
  readonly alternative: Alternative
  readonly end: number
}

const readAlternative = (text: string, at: number, names: Names): Read => {
  const known = nameAt(text, at, names)
  if (known === undefined && literalStart.test(text.slice(at, at + 6))) {
    const literal = readLiteral(text, at)
    // what begins with a digit and is no number is rather a name
    if (literal.alternative.kind === "literal" || !/[\d-]/.test(text[at] ?? "")) return literal
  }
  const end = known ?? headEnd(text, at)
  const name = text.slice(at, end).trimEnd()
  const steps = readSteps(text, end)
  if (known === undefined) {
    const unknown = byKeyAlone(text, at, names) ?? unknownName(name, names)
    // what is near no name is rather a shell's or a template's
    const issue = `${unknown.issue}; for the text itself write \`$\${\``
    return { alternative: unknown.suggestion === undefined ? { kind: "unknown", issue } : unknown, end: steps.end }
  }
  const issue = steps.issue
  return {
    alternative: issue === undefined ? alternative(name, steps.path, names) : { kind: "unknown", issue },
    end: steps.end
  }
}

/** Such an id stands in `tasks["..."]` alone: else a task `a.b` would change what `${a.b}` means. */
const hasSteps = (name: string): boolean => /[.[]/.test(name)

const byKeyAlone = (text: string, at: number, names: Names): Unknown | undefined => {
  for (const name of candidates(names)) {
    if (hasSteps(name) && text.startsWith(name, at)) {
      const issue = `an id with "." or "[" in it stands in tasks["..."]`
      return { kind: "unknown", issue, suggestion: `tasks[${JSON.stringify(name)}]` }
    }
  }
  return undefined
}

/** Where the longest known name ends that begins here; what follows a name is `.`, `[`, `??` or the end. */
const nameAt = (text: string, at: number, names: Names): number | undefined => {
  let longest: number | undefined
  // a name has at most 200 characters of at most two units
  for (let end = at + 1; end <= text.length && end <= at + 401; end++) {
    const next = text[end]
    const after = next === undefined || /[\s?]/.test(next) ? skipSpace(text, end) : end
    if (next === "." || next === "[" || text[after] === "}" || text.startsWith("??", after) || after === text.length) {
      const name = text.slice(at, end)
      if ((names.has(name) && !hasSteps(name)) || isRoot(name)) longest = end
    }
    if (next === "}" || next === "{" || next === "$") break
  }
  return longest
}

/** What stands for a name that is none, with the nearest that is one. */
const unknownName = (name: string, names: Names): Unknown => {
  const near = nearest(name, candidates(names)) ?? nearest(name, roots)
  const issue = name === "" ? "it names nothing" : `"${excerpt(name)}" is neither a task nor one of ${roots.join(", ")}`
  return { kind: "unknown", issue, ...(near === undefined ? {} : { suggestion: near }) }
}

/** What a slip is compared with: in a document of thousands of tasks that would take longer than all the rest. */
const candidates = (names: Names): Iterable<string> => (names.size > 1000 ? [] : names.keys())

/** What `tasks["id"]` and the steps behind it speak of. */
const taskByKey = (path: Path, names: Names): Alternative => {
  const [key, ...rest] = path
  if (key === undefined) return { kind: "unknown", issue: '`tasks` stands before the id of a task: tasks["id"]' }
  const task = names.get(String(key))
  if (task === undefined) {
    const near = nearest(String(key), candidates(names))
    const issue = `there is no task "${excerpt(String(key))}"`
    return { kind: "unknown", issue, ...(near === undefined ? {} : { suggestion: near }) }
  }
  if (rest[0] !== "status") return { kind: "task", task, path: rest }
  return rest.length === 1
    ? { kind: "task", task, path: [], status: true }
    : { kind: "unknown", issue: "a task's status is a word: nothing can stand behind it" }
}

const isRoot = (name: string): boolean => roots.some((root) => root === name)

/** Where a name ends that is not known. */
const headEnd = (text: string, at: number): number => {
  let end = at
  while (end < text.length && !/[.[\]}{]/.test(text[end]!) && !text.startsWith("??", end)) end++
  return end
}

const readSteps = (
  text: string,
  from: number
): { readonly path: Path; readonly end: number; readonly issue?: string } => {
  const path: Array<Step> = []
  for (let at = from; ;) {
    if (text[at] === ".") {
      const end = fieldEnd(text, at + 1)
      if (end === at + 1) return { path, end, issue: "after `.` stands the name of a field" }
      const field = text.slice(at + 1, end)
      path.push(/^(0|[1-9]\d{0,14})$/.test(field) ? Number(field) : field)
      at = end
    } else if (text[at] === "[") {
      const inside = skipSpace(text, at + 1)
      const number = /^\d{1,15}/.exec(text.slice(inside, inside + 16))?.[0]
      const key = number === undefined ? readQuoted(text, inside) : undefined
      const end = number === undefined ? key?.end : inside + number.length
      const close = end === undefined ? undefined : skipSpace(text, end)
      if (close === undefined || text[close] !== "]") {
        return { path, end: at, issue: 'in `[ ]` stands a whole number from 0, or a name in quotes: [0], ["any key"]' }
      }
      path.push(number === undefined ? (key?.value ?? "") : Number(number))
      at = close + 1
    } else {
      return { path, end: at }
    }
  }
}

const fieldEnd = (text: string, at: number): number => {
  let end = at
  while (end < text.length && !/[\s.[\]{}"'`$]/.test(text[end]!) && !text.startsWith("??", end)) end++
  return end
}

const literalStart = /^(?:["'[{\d-]|(?:true|false|null)(?![\w.[]))/

/** JSON, its strings also in single quotes, up to the `}` or `??` that is not part of it. */
const readLiteral = (text: string, from: number): Read => {
  let json = ""
  let depth = 0
  let at = from
  while (at < text.length) {
    const sign = text[at]!
    if (depth === 0 && (sign === "}" || text.startsWith("??", at))) break
    const quoted = sign === '"' || sign === "'" ? readQuoted(text, at) : undefined
    if (sign === "[" || sign === "{") depth++
    if (sign === "]" || sign === "}") depth--
    json += quoted === undefined ? sign : JSON.stringify(quoted.value)
    at = quoted?.end ?? at + 1
  }
  const value = readJson(json)
  return {
    alternative:
      value === undefined
        ? { kind: "unknown", issue: `"${excerpt(text.slice(from, at).trim())}" is no JSON value` }
        : { kind: "literal", value },
    end: at
  }
}

/** A string in double or single quotes. `undefined`: none begins here, or it does not end. */
const readQuoted = (text: string, from: number): { readonly value: string; readonly end: number } | undefined => {
  const quote = text[from]
  if (quote !== '"' && quote !== "'") return undefined
  let inside = ""
  let at = from + 1
  while (at < text.length && text[at] !== quote) {
    const escaped = text[at] === "\\"
    const piece = escaped ? text.slice(at, at + 2) : text[at]!
    inside += piece === "\\'" ? "'" : piece === '"' ? '\\"' : piece
    at += piece.length
  }
  const value = at < text.length ? readJson(`"${inside}"`) : undefined
  return typeof value === "string" ? { value, end: at + 1 } : undefined
}

const readJson = (json: string): Schema.Json | undefined => {
  try {
    // Safe: JSON.parse gives JSON.
    return JSON.parse(json) as Schema.Json
  } catch {
    return undefined
  }
}

/** Behind the next `}` outside quotes; if quotes do not end, behind the next `}` at all. */
const endOf = (text: string, from: number): number | undefined => {
  for (let at = from; at < text.length; at = readQuoted(text, at)?.end ?? at + 1) if (text[at] === "}") return at + 1
  return undefined
}

const skipSpace = (text: string, from: number): number => {
  let at = from
  while (at < text.length && /\s/.test(text[at]!)) at++
  return at
}

/** Alternatives that cannot stand where they stand become unknown. */
const judged = (alternatives: ReadonlyArray<Alternative>): ReadonlyArray<Alternative> =>
  alternatives.map((one, i) => {
    if (one.kind === "secret" && alternatives.length > 1) {
      return { kind: "unknown", issue: "a secret stands alone: without it the call fails, so that `??` is never asked" }
    }
    if (one.kind !== "literal") return one
    if (i < alternatives.length - 1) {
      return { kind: "unknown", issue: "behind a literal nothing is ever asked: it comes last" }
    }
    // `${'$'}` is the way to write a dollar before a reference; `${1}` is rather a shell's
    return alternatives.length === 1 && typeof one.value !== "string"
      ? { kind: "unknown", issue: "a value alone needs no `${}`; for the text itself write `$${`" }
      : one
  })

const excerpt = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
