/**
 * `${...}` in a workflow: compiled once, resolved once, from left to right, on the document as it is written. What a
 * value holds is never read as a reference. How references are written is `ReferenceSyntax`, how a path is looked up
 * `Lookup`.
 */
import { Result, type Schema } from "effect"
import type { Code } from "./Contract.ts"
import { UnresolvedReference } from "./Errors.ts"
import { format, missing, reader, type Scope } from "./Lookup.ts"
import { type Alternative, type Names, parse, type Path, type Reference, type Step } from "./ReferenceSyntax.ts"
import * as SecretMarker from "./SecretMarker.ts"
import type { Workflow } from "./Workflow.ts"

export { missing, reader, type Scope, type View } from "./Lookup.ts"
export { type Alternative, type Names, parse, type Path, type Reference, type Step } from "./ReferenceSyntax.ts"

/** Ids and labels of the tasks. Ids win over labels, the first of two equal labels over the second. */
export const names = (workflow: Pick<Workflow, "tasks">): Names => {
  const known = new Map(workflow.tasks.map(({ id }) => [id, id]))
  for (const { id, label } of workflow.tasks) if (label !== undefined && !known.has(label)) known.set(label, id)
  return known
}

/**
 * Ids of the tasks without whose value the reference can have none: those that all its alternatives need. A task's
 * `error` and `tasks["t"].status` are there in any case.
 */
export const needs = (reference: Reference): ReadonlyArray<string> => {
  const [first, ...others] = reference.alternatives.map(needOf)
  return first !== undefined && others.every((other) => other === first) ? [first] : []
}

/** Ids of all the tasks it speaks of. */
export const tasks = (reference: Reference): ReadonlyArray<string> => [
  ...new Set(reference.alternatives.flatMap((one) => (one.kind === "task" ? [one.task] : [])))
]

/** A reference to the whole result of a task, written so that it means no other. */
export const ofTask = (id: string, names: Names): string => {
  const plain = `\${${id}}`
  const [part, more] = parse(plain, names)
  const [one, other] = part === undefined || typeof part === "string" ? [] : part.alternatives
  const isIt = one?.kind === "task" && one.task === id && one.path.length === 0 && one.status !== true
  return isIt && more === undefined && other === undefined ? plain : `\${tasks[${JSON.stringify(id)}]}`
}

/** A JSON tree compiled once. */
export interface Template {
  /** In document order, each with its place in the tree. */
  readonly references: ReadonlyArray<Reference & { readonly at: Path }>
  /** Places that hold a marker of `SecretMarker` once resolved. Whatever else is resolved is data. */
  readonly secrets: ReadonlyArray<Path>
  /** Parts without references are shared with the tree; a tree without any is handed on as it is. */
  readonly resolve: (scope: Scope) => Result.Result<Schema.Json, UnresolvedReference>
}

/**
 * Strings are templates wherever they stand, keys of objects are not. `secretInputs` are names of inputs marked
 * secret: `${inputs.X}` of those becomes a marker named `inputs.X`.
 */
export const compile = (json: Schema.Json, names: Names, secretInputs: ReadonlySet<string> = none): Template => {
  const frames: Array<Frame> = []
  const found: Array<Text & { readonly frame: number; readonly key: Step; readonly at: Path }> = []
  // a stack and not recursion: a tree may be deeper than the call stack
  const stack: Array<{ readonly value: Schema.Json; readonly parent: number; readonly key: Step }> = []
  stack.push({ value: json, parent: -1, key: "" })
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { key, parent, value } = next
    if (typeof value === "string" && value.includes("${")) {
      found.push({ ...compileText(value, names, secretInputs), frame: parent, key, at: placeOf(frames, parent, key) })
      for (let i = parent; i >= 0 && frames[i]?.copied === false; i = frames[i]!.parent) frames[i]!.copied = true
    }
    if (typeof value !== "object" || value === null) continue
    const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
    frames.push({ value, parent, key, copied: false })
    for (let i = entries.length - 1; i >= 0; i--) {
      const [key, child]: readonly [Step, Schema.Json] = entries[i]!
      if (isSite(child)) stack.push({ value: child, parent: frames.length - 1, key })
    }
  }
  return {
    references: found.flatMap(({ at, references }) => references.map((reference) => ({ ...reference, at }))),
    secrets: found.flatMap(({ at, secret }) => (secret ? [at] : [])),
    resolve: resolver(json, frames, found)
  }
}

/** Source whose references are bound, not spliced: resolves to a `Code`. A repeated reference is bound once. */
export const compileCode = (
  source: string,
  names: Names,
  secretInputs: ReadonlySet<string> = none,
  origin?: Code["origin"]
): Template => {
  const parts = parse(source, names)
  const bound = new Map<string, Text & { readonly ref: string }>()
  const references = parts.flatMap((part) => (typeof part === "string" ? [] : [concealed(part, secretInputs)]))
  for (const reference of references) {
    const { raw } = reference
    if (!bound.has(raw)) bound.set(raw, { ...compileParts([reference]), ref: `r${bound.size}` })
  }
  const segments = parts.map((part) =>
    typeof part === "string" ? part : { ref: bound.get(part.raw)?.ref ?? "", raw: part.raw }
  )
  const code = {
    source: segments.map((segment) => (typeof segment === "string" ? segment : segment.raw)).join(""),
    segments,
    ...(origin === undefined ? {} : { origin })
  }
  return {
    references: references.map((reference) => ({ ...reference, at: [] })),
    secrets: [...bound.values()].flatMap(({ ref, secret }) => (secret ? [["values", ref]] : [])),
    resolve: (scope) => {
      const values: Record<string, Schema.Json> = {}
      for (const { read, ref } of bound.values()) {
        const value = read(scope)
        if (Result.isFailure(value)) return Result.fail(value.failure)
        values[ref] = value.success
      }
      return Result.succeed({ ...code, values })
    }
  }
}

// internal

const none: ReadonlySet<string> = new Set()

/** A list or object of the tree, numbered in document order; `copied` when a reference stands somewhere inside. */
interface Frame {
  readonly value: Schema.JsonArray | Schema.JsonObject
  readonly parent: number
  readonly key: Step
  copied: boolean
}

/** One string of a tree. */
interface Text {
  readonly references: ReadonlyArray<Reference>
  readonly secret: boolean
  readonly read: (scope: Scope) => Result.Result<Schema.Json, UnresolvedReference>
}

const isSite = (value: Schema.Json): boolean =>
  typeof value === "string" ? value.includes("${") : typeof value === "object" && value !== null

const placeOf = (frames: ReadonlyArray<Frame>, parent: number, key: Step): Path => {
  const place: Array<Step> = []
  for (let i = parent, step = key; i >= 0; step = frames[i]!.key, i = frames[i]!.parent) place.push(step)
  return place.reverse()
}

const resolver = (
  json: Schema.Json,
  frames: ReadonlyArray<Frame>,
  found: ReadonlyArray<Text & { readonly frame: number; readonly key: Step }>
): Template["resolve"] => {
  const [root] = found
  if (root === undefined) {
    const unchanged = Result.succeed(json)
    return () => unchanged
  }
  if (root.frame < 0) return root.read
  // only what leads to a reference is copied; numbers of frames become numbers of copies
  const copied = frames.flatMap((frame, number) => (frame.copied ? [{ ...frame, number }] : []))
  const numbers = new Map(copied.map(({ number }, i) => [number, i]))
  const copies = copied.map(({ key, parent, value }) => ({ key, value, into: numbers.get(parent) ?? -1 }))
  const sites = found.map(({ frame, key, read }) => ({ key, read, into: numbers.get(frame) ?? -1 }))
  return (scope) => {
    const made: Array<Copy> = []
    for (const { into, key, value } of copies) {
      // Safe: a copy of a list or object, written to by its own keys alone.
      const copy = (Array.isArray(value) ? value.slice() : { ...value }) as Copy
      if (into >= 0) made[into]![key] = copy
      made.push(copy)
    }
    for (const { into, key, read } of sites) {
      const value = read(scope)
      if (Result.isFailure(value)) return value
      made[into]![key] = value.success
    }
    return Result.succeed(made[0]!)
  }
}

type Copy = { [key: Step]: Schema.Json }

/** Many tasks of a large workflow say the same: what a text means is found out once a workflow. */
const texts = new WeakMap<Names, Map<string, Text>>()

const compileText = (text: string, names: Names, secretInputs: ReadonlySet<string>): Text => {
  const known = texts.get(names)?.get(text)
  if (known !== undefined && secretInputs.size === 0) return known
  const compiled = compileParts(
    parse(text, names).map((part) => (typeof part === "string" ? part : concealed(part, secretInputs)))
  )
  if (secretInputs.size === 0) texts.set(names, (texts.get(names) ?? new Map()).set(text, compiled))
  return compiled
}

const compileParts = (parts: ReadonlyArray<string | Reference>): Text => {
  const references = parts.filter((part) => typeof part !== "string")
  const pieces = parts.map(pieceOf)
  const secret = pieces.some((piece) => typeof piece === "object" && "name" in piece)
  const [only] = pieces
  if (pieces.length === 1 && typeof only === "object") {
    if ("read" in only) return { references, secret, read: only.read }
    const marker = Result.succeed(SecretMarker.whole(only.name))
    return { references, secret, read: () => marker }
  }
  return {
    references,
    secret,
    read: (scope) => {
      const made: Array<SecretMarker.Part> = []
      let text = ""
      for (const piece of pieces) {
        if (typeof piece === "string") text += piece
        else if ("name" in piece) {
          made.push(text, piece)
          text = ""
        } else {
          const value = piece.read(scope)
          if (Result.isFailure(value)) return value
          const written = inText(value.success)
          if (written === undefined)
            return Result.fail(unresolved(piece.reference, "its value is nested too deeply for text"))
          text += written
        }
      }
      return Result.succeed(secret ? SecretMarker.text([...made, text].filter((part) => part !== "")) : text)
    }
  }
}

/** Text, a secret, or a value. */
type Piece = string | { readonly name: string } | { readonly reference: Reference; readonly read: Text["read"] }

const pieceOf = (part: string | Reference): Piece => {
  if (typeof part === "string") return part
  const [first] = part.alternatives
  if (first?.kind === "secret") return { name: first.name }
  const read = reader(part)
  return {
    reference: part,
    read: (scope) => {
      const value = read(scope)
      return value === undefined ? Result.fail(unresolved(part, missing(part, scope))) : Result.succeed(value)
    }
  }
}

const inText = (value: Schema.Json): string | undefined => {
  if (typeof value === "string") return value
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

const unresolved = ({ raw }: Reference, issue: string): UnresolvedReference => {
  const text = raw.slice(2, raw.endsWith("}") ? -1 : raw.length).trim()
  return new UnresolvedReference({ reference: text.length > 200 ? `${text.slice(0, 199)}…` : text, issue })
}

/** Secret inputs become secrets. */
const concealed = (reference: Reference, secretInputs: ReadonlySet<string>): Reference => {
  if (secretInputs.size === 0) return reference
  const isSecret = (one: Alternative) =>
    one.kind === "root" && one.root === "inputs" && one.path.length > 0 && secretInputs.has(String(one.path[0]))
  if (!reference.alternatives.some(isSecret)) return reference
  return {
    ...reference,
    alternatives: reference.alternatives.map((one): Alternative => {
      if (one.kind !== "root" || !isSecret(one)) return one
      const name = `inputs${format(one.path.slice(0, 1))}`
      if (one.path.length > 1)
        return { kind: "unknown", issue: `\`${name}\` is secret: only the whole of it can be passed on` }
      return reference.alternatives.length === 1
        ? { kind: "secret", name: `inputs.${one.path[0]}` }
        : { kind: "unknown", issue: `\`${name}\` is secret and stands alone, without \`??\`` }
    })
  }
}

const needOf = (one: Alternative): string | undefined =>
  one.kind === "task" && one.status === undefined && one.path[0] !== "error" ? one.task : undefined
