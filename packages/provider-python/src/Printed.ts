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
  const within = lines.toReversed().filter((line) => /^\s*(?:\{.*\}|\[.*\])$/.test(line))
  for (const candidate of [...whole, ...within]) {
    const json = parse(candidate)
    if (Result.isSuccess(json)) return json.success
  }
  return text
}

// internal

const parse = (text: string): Result.Result<Schema.Json, unknown> =>
  // Safe: what JSON.parse gives is JSON.
  Result.try(() => JSON.parse(text) as Schema.Json)
