/** How a task is carried out, as its document says it: `retry`, `repeat`, `cache`, `budget`, each in its one inner form. */
import type { Complaints } from "./Complaints.ts"
import * as Field from "./Field.ts"
import { found } from "./JsonSchemaWords.ts"
import type { Entry } from "./Position.ts"
import { standard } from "./Retry.ts"
import { reading } from "./Keys.ts"
import {
  budget as budgetKeys,
  cache as cacheKeys,
  fields,
  maxIterations,
  repeat as repeatKeys,
  retry as retryKeys
} from "./Spelling.ts"
import type { Budget, Cache, Repeat, Retry } from "./Workflow.ts"

/** `former`: what `defaults` says. */
export const retry = (
  entry: Entry | undefined,
  former: Partial<Retry> | undefined,
  complaints: Complaints
): Retry | undefined => {
  const own = retryFields(entry, complaints)
  if (own === undefined && former === undefined) return undefined
  const merged = { ...standard, ...former, ...own }
  // a longer delay that was asked for is not cut by a limit that was not
  const limit = own?.max_delay ?? former?.max_delay ?? Math.max(standard.max_delay, merged.delay)
  if (entry !== undefined && own !== undefined && merged.delay > limit) {
    complaints.add(entry.key, "wrong-type", "`retry`: `delay` is longer than `max_delay`")
  }
  return { ...merged, max_delay: limit }
}

/** What a `retry` block says itself. */
export const retryFields = (entry: Entry | undefined, complaints: Complaints): Partial<Retry> | undefined => {
  const node = Field.mapping(entry, "`retry`", complaints)
  if (node === undefined) return undefined
  const given = fields(node, retryKeys, complaints)
  const { part, value } = reading(given, retryKeys, complaints)
  const exponential = value("exponential_backoff")
  const backoff = value("backoff")
  const both = given.get("exponential_backoff")
  if (both !== undefined && backoff !== undefined && (backoff === "exponential") !== exponential) {
    complaints.add(both.key, "duplicate-key", "`exponential_backoff` contradicts `backoff`, expected one of them")
  }
  return {
    ...part("max_attempts"),
    ...part("delay"),
    ...Field.optional(
      "backoff",
      backoff ?? (exponential === undefined ? undefined : exponential ? "exponential" : "fixed")
    ),
    ...part("max_delay"),
    ...part("jitter"),
    ...Field.optional("on", readFailures(given.get("on"), complaints))
  }
}

export const repeat = (entry: Entry | undefined, complaints: Complaints): Repeat | undefined => {
  const node = Field.mapping(entry, "`repeat`", complaints)
  if (entry === undefined || node === undefined) return undefined
  const given = fields(node, repeatKeys, complaints)
  for (const [key, meaning] of [
    ["until", "the condition that ends it, such as result.score > 8"],
    ["max", `how often at most, 1 to ${maxIterations}`]
  ] as const) {
    if (!given.has(key)) complaints.add(entry.key, "missing-key", `\`repeat\` has no \`${key}\`: ${meaning}`)
  }
  const { part, value } = reading(given, repeatKeys, complaints)
  // in spite of a complaint: references to `previous` are not wrong because `max` is
  return { until: value("until") ?? "true", max: value("max") ?? 1, ...part("on_max") }
}

/** `undefined`: nothing is kept. */
export const cache = (entry: Entry | undefined, complaints: Complaints): Cache | undefined => {
  if (entry === undefined || entry.value.value === false) return undefined
  const { value: node } = entry
  if (node.kind !== "mapping") {
    if (node.value === true) return {}
    const expected = "true, false or a mapping with `ttl` and `key`"
    complaints.add(node, "wrong-type", `\`cache\`: expected ${expected}, found ${found(node.value)}`)
    return undefined
  }
  const { part } = reading(fields(node, cacheKeys, complaints), cacheKeys, complaints)
  return { ...part("ttl"), ...part("key") }
}

export const budget = (entry: Entry | undefined, complaints: Complaints): Budget | undefined => {
  const node = Field.mapping(entry, "`budget`", complaints)
  if (entry === undefined || node === undefined) return undefined
  const { part } = reading(fields(node, budgetKeys, complaints), budgetKeys, complaints)
  if (node.entries.size === 0) {
    complaints.add(entry.value, "wrong-type", "`budget` limits nothing, expected tokens, cost_usd, calls or duration")
  }
  return { ...part("tokens"), ...part("cost_usd"), ...part("calls"), ...part("duration") }
}

// internal

/** Numbers are codes, texts are names. */
const readFailures = (entry: Entry | undefined, complaints: Complaints): Retry["on"] => {
  if (entry === undefined) return undefined
  const { value: node } = entry
  return (node.kind === "list" ? node.items : [node]).flatMap(({ value, ...place }) => {
    if (typeof value === "string" ? value !== "" : Number.isSafeInteger(value)) {
      // Safe: text, or a whole number.
      return [value as string | number]
    }
    complaints.add(
      place,
      "wrong-type",
      `\`on\`: expected codes or names of errors, such as -29003 or TASK_TIMEOUT, found ${found(value)}`
    )
    return []
  })
}
