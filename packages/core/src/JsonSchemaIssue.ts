/**
 * What a JSON Schema validator found, said for people: the one thing that is wrong at a place instead of every rule that
 * led there. Knows no validator.
 */
import type { Schema } from "effect"
import { nearest } from "./Diagnostic.ts"
import { found, keysOnly, messageOf, or, some } from "./JsonSchemaWords.ts"

export interface Issue {
  /** Where in the value. */
  readonly path: ReadonlyArray<string | number>
  /** What was expected and what was found, without the path. */
  readonly message: string
  /** The word of the schema that is not met: `type`, `required`, … `schema` when the schema itself cannot be used. */
  readonly keyword: string
  readonly suggestion?: string
}

export interface Options {
  /** Strings whose value is not known yet: no issue is raised about what they will be. Default: none. */
  readonly open?: (text: string) => boolean
  /** Whether messages quote what they found. `false` for values that nobody may see. Default true. */
  readonly quote?: boolean
}

/** One finding: a word of the schema that is not met, the place in the value, and the place in the schema. */
export interface Finding {
  readonly keyword: string
  /** JSON pointers in fragment form: `#/messages/0`. */
  readonly instanceLocation: string
  readonly keywordLocation: string
  /** In the validator's words. */
  readonly error: string
}

/** Findings in the order of a depth-first walk through the schema, each before those it follows from. At most 100 issues. */
export const of = (
  findings: ReadonlyArray<Finding>,
  schema: unknown,
  value: Schema.Json,
  { open, quote = true }: Options
): ReadonlyArray<Issue> => {
  const said = new Set<string>()
  return issuesOf(placed(findings), { schema, value, open, quote }).filter(({ message, path }) => {
    const key = JSON.stringify([path, message])
    return !said.has(key) && said.add(key)
  })
}

/** What a `$ref` within a schema leads to. */
export const resolve = (schema: unknown, ref: string, hops = 20): unknown =>
  ref === "#" ? schema : ref.startsWith("#/") && hops > 0 ? wordAt(schema, ref, hops - 1) : undefined

/** The name that a step of a JSON pointer in fragment form stands for. */
export const nameOf = (step: string): string => decode(step).replaceAll("~1", "/").replaceAll("~0", "~").toWellFormed()

/** The step for a name, in the one spelling that the validator knows. */
export const stepOf = (name: string): string => encodeURI(name.replaceAll("~", "~0").replaceAll("/", "~1"))

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A schema that nothing fits: the key is known, and not to be used. */
export const isNothing = (schema: unknown): boolean =>
  schema === false || (isRecord(schema) && isRecord(schema["not"]) && Object.keys(schema["not"]).length === 0)

// internal

/** Issues of one value. A list with a million wrong items is told as wrong by its first ones. */
const most = 100

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface Context {
  readonly schema: unknown
  readonly value: Schema.Json
  readonly open: Options["open"]
  readonly quote: boolean
}

/** What the validator says, its places taken apart. */
interface Unit {
  readonly keyword: string
  readonly path: ReadonlyArray<string | number>
  readonly location: string
  readonly error: string
}

/** A `false` schema is reported under the place of the value: it belongs to the unit before. */
const placed = (units: ReadonlyArray<Finding>): ReadonlyArray<Unit> => {
  let before = ""
  return units.map(({ error, instanceLocation, keyword, keywordLocation }) => {
    const location = keyword === "false" ? `${before}/false` : keywordLocation
    before = location
    return { keyword, path: steps(instanceLocation), location, error }
  })
}

const steps = (pointer: string): ReadonlyArray<string> =>
  pointer === "#" ? [] : pointer.slice(2).split("/").map(nameOf)

/** Said by what follows them. */
const wrappers = new Set([
  "properties",
  "patternProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedItems",
  "additionalProperties",
  "unevaluatedProperties",
  "allOf",
  "$ref",
  "$recursiveRef",
  "if",
  "dependentSchemas",
  "propertyNames"
])

/** Only true of a value that is known to its last part. */
const needsWhole = new Set(["enum", "const", "uniqueItems", "contains", "not", "oneOf"])

const issuesOf = (units: ReadonlyArray<Unit>, context: Context): ReadonlyArray<Issue> => {
  const issues: Array<Issue> = []
  for (let i = 0; i < units.length && issues.length < most;) {
    const unit = units[i]!
    const below = `${unit.location}/`
    let next = i + 1
    if (unit.keyword === "anyOf" || unit.keyword === "oneOf" || unit.keyword === "contains" || unit.keyword === "not") {
      while (isUnder(units[next], below)) next++
    }
    const nested = units.slice(i + 1, next)
    i = next
    if (unit.keyword === "if" && isOpen(at(context.value, unit.path), context)) {
      // which branch it takes is not known yet
      const owner = unit.location.slice(0, -"if".length)
      while (isUnder(units[i], `${owner}then`) || isUnder(units[i], `${owner}else`)) i++
    }
    if (wrappers.has(unit.keyword)) continue
    if (nested.length > 0 && (unit.keyword === "anyOf" || unit.keyword === "oneOf"))
      issues.push(...union(unit, nested, context))
    else {
      const issue = issueOf(unit, context)
      if (issue !== undefined) issues.push(issue)
    }
  }
  return issues
}

const isUnder = (unit: Unit | undefined, location: string): boolean => unit?.location.startsWith(location) === true

/** Of the forms a value may have, the one it comes nearest to. */
const union = (unit: Unit, nested: ReadonlyArray<Unit>, context: Context): ReadonlyArray<Issue> => {
  const branches = new Map<string, Array<Unit>>()
  for (const one of nested) {
    const branch = one.location.slice(unit.location.length + 1).split("/", 1)[0] ?? ""
    const others = branches.get(branch)
    if (others === undefined) branches.set(branch, [one])
    else others.push(one)
  }
  if (unit.keyword === "oneOf" && !unit.error.includes("(0 matches)")) {
    const issue = issueOf(unit, context)
    return issue === undefined ? [] : [issue]
  }
  const forms = [...branches.values()].map((branch) => issuesOf(branch, context))
  if (forms.some((issues) => issues.length === 0)) return []
  const path = pathOf(unit, context)
  if (
    forms.every(([issue, other]) => other === undefined && issue?.keyword === "required" && isSame(issue.path, path))
  ) {
    const keys = forms.flatMap((issues) => issues.map(({ message }) => message.replace(/^missing /, "")))
    return [{ path, keyword: "required", message: `missing ${or(keys)}` }]
  }
  // a form of another type is far away, one that differs in a word that tells forms apart less so
  const cost = (issues: ReadonlyArray<Issue>): number =>
    issues.reduce((sum, issue) => {
      if (issue.keyword === "type" && isSame(issue.path, path)) return sum + 1000
      return sum + (isChoice(issue) && issue.path.length <= path.length + 1 ? 100 : 1)
    }, 0)
  const rank = (issues: ReadonlyArray<Issue>): number => Math.floor(cost(issues) / 100)
  const [best = [], ...others] = forms.toSorted((a, b) => cost(a) - cost(b))
  const near = [best, ...others.filter((other) => rank(other) === rank(best))]
  const place = best.find(isKind)?.path ?? path
  const isShared = near.every((issues) => issues.some((issue) => isKind(issue) && isSame(issue.path, place)))
  if (near.length === 1 ? cost(best) < 1000 : !isShared && cost(best) < 100) return best
  return [noForm(unit, place, context, near)]
}

const isChoice = ({ keyword }: Issue): boolean => keyword === "const" || keyword === "enum"

/** Says which of several kinds of value was expected. */
const isKind = (issue: Issue): boolean => issue.keyword === "type" || isChoice(issue)

const isSame = (a: Issue["path"], b: Issue["path"]): boolean =>
  a.length === b.length && a.every((step, i) => step === b[i])

/** What several forms together expect at one place. */
const noForm = (
  unit: Unit,
  path: Issue["path"],
  context: Context,
  forms: ReadonlyArray<ReadonlyArray<Issue>>
): Issue => {
  const expected = new Set(
    forms.flatMap((issues) =>
      issues
        .filter((issue) => isKind(issue) && isSame(issue.path, path))
        .map(({ message }) => message.replace(/^expected /, "").replace(/, found .*$/s, ""))
    )
  )
  const value = found(at(context.value, path) ?? null, context.quote)
  return {
    path,
    keyword: unit.keyword,
    message:
      expected.size === 0
        ? `${value} has none of the forms it may have`
        : `expected ${or([...expected])}, found ${value}`
  }
}

const issueOf = (unit: Unit, context: Context): Issue | undefined => {
  const { error, keyword } = unit
  const value = at(context.value, unit.path)
  if (keyword === "false") {
    const key = String(unit.path.at(-1) ?? "")
    const owner = wordAt(context.schema, unit.location.replace(/\/[^/]*\/false$/, ""))
    const properties = isRecord(owner) && isRecord(owner["properties"]) ? owner["properties"] : {}
    const patterns = isRecord(owner) && isRecord(owner["patternProperties"]) ? owner["patternProperties"] : {}
    const said = [
      ...(Object.hasOwn(properties, key) ? [properties[key]] : []),
      ...Object.keys(patterns).flatMap((pattern) => (new RegExp(pattern, "u").test(key) ? [patterns[pattern]] : []))
    ]
    // the validator takes a property that is wrong for one that is not known
    if (said.length > 0 && !said.includes(false)) return undefined
    const known = Object.keys(properties).filter((name) => !isNothing(properties[name]))
    // each is compared with every name
    const suggestion = known.length > 1000 ? undefined : nearest(key, known)
    return {
      path: pathOf(unit, context),
      keyword: "additionalProperties",
      message:
        known.length === 0 ? `"${key}" is not known here` : `"${key}" is not known here, expected ${some(known)}`,
      ...(suggestion === undefined ? {} : { suggestion })
    }
  }
  const limit = wordAt(context.schema, unit.location)
  // where nothing fits it does not matter what it will be
  if (keyword !== "not" || !isNothing({ not: limit })) {
    if (typeof value === "string" && isOpen(value, context)) return undefined
    // which keys there are is known, whatever stands under them
    if (needsWhole.has(keyword) && keysOnly(limit).length === 0 && isOpen(value, context)) return undefined
  }
  const suggestion =
    keyword === "enum" &&
    context.quote &&
    typeof value === "string" &&
    Array.isArray(limit) &&
    !switches.has(value.toLowerCase())
      ? nearest(
          value,
          limit.filter((choice) => typeof choice === "string")
        )
      : undefined
  return {
    path: pathOf(unit, context),
    keyword,
    message:
      forbidden(keyword, unit, context) ??
      suchAs(keyword, unit, context, value ?? null) ??
      messageOf(keyword, limit, found(value ?? null, context.quote), error),
    ...(suggestion === undefined ? {} : { suggestion })
  }
}

/** Meant as true and false: no slip for a name that is like them. */
const switches: ReadonlySet<string> = new Set(["yes", "no", "on", "off"])

/** What a schema that nothing fits says of itself: where to put the value instead. */
const forbidden = (keyword: string, { location }: Unit, { schema }: Context): string | undefined => {
  const owner = keyword === "not" ? wordAt(schema, location.replace(/\/not$/, "")) : undefined
  const said = isRecord(owner) && isNothing(owner) ? owner["description"] : undefined
  return typeof said === "string" ? said : undefined
}

/** Examples say more than a pattern. */
const suchAs = (
  keyword: string,
  { location }: Unit,
  { quote, schema }: Context,
  value: Schema.Json
): string | undefined => {
  const owner = keyword === "pattern" ? wordAt(schema, location.replace(/\/pattern$/, "")) : undefined
  const examples = isRecord(owner) ? owner["examples"] : undefined
  if (!Array.isArray(examples) || examples.length === 0) return undefined
  const expected = `expected text such as ${or(examples.map((example) => JSON.stringify(example)))}`
  return quote ? `${expected}, found ${found(value)}` : expected
}

/** Steps into lists are numbers. */
const pathOf = ({ path }: Unit, { value }: Context): ReadonlyArray<string | number> => {
  let place: Schema.Json | undefined = value
  return path.map((step) => {
    const index = Array.isArray(place) ? Number(step) : step
    place = child(place, String(step))
    return index
  })
}

const at = (value: Schema.Json, path: Issue["path"]): Schema.Json | undefined => {
  let place: Schema.Json | undefined = value
  for (const step of path) place = child(place, String(step))
  return place
}

const child = (value: Schema.Json | undefined, step: string): Schema.Json | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  if (isList(value)) return value[Number(step)]
  return Object.hasOwn(value, step) ? value[step] : undefined
}

const isList = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const isOpen = (value: Schema.Json | undefined, { open }: Context): boolean => {
  if (open === undefined || value === undefined) return false
  const stack = [value]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next === "string" ? open(next) : false) return true
    if (typeof next === "object" && next !== null) for (const part of Object.values(next)) stack.push(part)
  }
  return false
}

/** Where a location of the validator leads in the schema; `$ref` steps are followed. */
const wordAt = (schema: unknown, location: string, hops = 20): unknown => {
  let place: unknown = schema
  for (const step of steps(location)) {
    if (!isRecord(place) && !Array.isArray(place)) return undefined
    const word: unknown = Array.isArray(place)
      ? place[Number(step)]
      : Object.hasOwn(place, step)
        ? place[step]
        : undefined
    place = step === "$ref" && typeof word === "string" ? resolve(schema, word, hops) : word
  }
  return place
}
