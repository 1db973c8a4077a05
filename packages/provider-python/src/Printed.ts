/** What code means by what it prints: JSON if it prints any, else text. */
import { Result, Schema } from "effect"

/**
 * All of the text when it is JSON; else the JSON that stands at its end on one line, or spread over several with `{` or
 * `[` and its counterpart at the margin; else the last line that is an object or a list; else the text without space
 * around it; null when that is empty.
 */
export const resultOf = (stdout: string): Schema.Json => {
  const text = stdout.trim()
  if (text === "") return null
  const lines = text.split("\n").map((line) => line.trimEnd())
  const last = lines.at(-1) ?? ""
  const opening = last === "}" ? "{" : last === "]" ? "[" : undefined
  const start = opening === undefined ? -1 : lines.lastIndexOf(opening)
  const whole = [text, last, ...(start < 0 ? [] : [lines.slice(start).join("\n")])]
  // the last piece of a longer one is none: what follows it goes on
  const isAlone = (line: string, at: number) =>
    /^\s*(?:\{.*\}|\[.*\])$/.test(line) && !/^\s*[\]},]/.test(lines[at + 1] ?? "")
  const within = lines.filter(isAlone).toReversed()
  for (const candidate of [...whole, ...within]) {
    const json = parse(candidate)
    if (Result.isSuccess(json)) return json.success
  }
  return text
}

// internal

const parse = (text: string): Result.Result<Schema.Json, unknown> =>
  // Safe: what JSON.parse gives is JSON, and so is what stands for a number.
  Result.try(() => JSON.parse(text, isLossy.test(text) ? exact : undefined) as Schema.Json)

/** What a number has that this side may not be able to keep. Looking at each takes ten times as long. */
const isLossy = /\d{16}|[eE]\+?\d{3}/

/** A number that would be rounded, or be infinite, in the form in which it travels: see `values.py`. */
const exact = (_: string, value: unknown, context?: { readonly source?: string }): unknown => {
  const { source = "" } = context ?? {}
  if (typeof value !== "number" || Math.abs(value) < 2 ** 53 || /^-?9007199254740992$/.test(source)) return value
  if (/^-?\d+$/.test(source)) return { $type: "int", value: source }
  return Number.isFinite(value) ? value : { $type: "float", value: value > 0 ? "inf" : "-inf" }
}
