/** A budget as it is written on the command line: `calls=10,tokens=5000,cost_usd=0.5,duration=5m`. Pure. */
import { Diagnostic, Duration, type Workflow } from "@gleitzeit/core"
import { Result } from "effect"

/** What can be written, for messages. */
export const expected = "limits such as calls=10,tokens=5000,cost_usd=0.5,duration=5m"

/** Numbers may be grouped with `_`; a duration without a unit is in seconds. The failure says what is wrong. */
export const parse = (text: string): Result.Result<Workflow.Budget, string> => {
  const budget: { -readonly [K in keyof Workflow.Budget]: Workflow.Budget[K] } = {}
  for (const part of text.split(",")) {
    const at = part.indexOf("=")
    const name = part.slice(0, Math.max(0, at)).trim()
    const value = part.slice(at + 1).trim()
    if (at < 1 || value === "") return Result.fail(`expected ${expected}, not "${part.trim()}"`)
    const limit = limits.find((limit) => limit === name)
    if (limit === undefined) return Result.fail(unknown(name))
    if (budget[limit] !== undefined) return Result.fail(`${limit} is given twice`)
    const read = limit === "duration" ? Duration.parse(value) : number(limit, value)
    if (Result.isFailure(read)) return Result.fail(read.failure)
    budget[limit] = read.success
  }
  return Result.succeed(budget)
}

// internal

const limits = ["calls", "tokens", "cost_usd", "duration"] as const

const number = (limit: string, text: string): Result.Result<number, string> => {
  const value = /^\d[\d_]*(?:\.\d+)?$|^\.\d+$/.test(text) ? Number(text.replaceAll("_", "")) : NaN
  if (Number.isNaN(value)) return Result.fail(`${limit}: expected a number, not "${text}"`)
  return limit === "cost_usd" || Number.isSafeInteger(value)
    ? Result.succeed(value)
    : Result.fail(`${limit}: expected a whole number, not "${text}"`)
}

const unknown = (name: string): string => {
  const meant = Diagnostic.nearest(name, limits)
  return `there is no limit "${name}"${meant === undefined ? ` (there are ${limits.join(", ")})` : `, did you mean "${meant}"?`}`
}
