/** Lengths of time as people write and read them: `30s`, `5m`, `1h`, `3m 05s`. Inside they are milliseconds. */
import { Result } from "effect"

/** What can be written, for messages. */
export const expected = "seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d"

/** For schemas: what `parse` takes matches, and little else: `1s 1h` does too. */
export const pattern = /^\s*(?:(?:\d+\.?\d*|\.\d+)\s*|(?:\d+(?:\.\d+)?\s*(?:ms|[dhms])\s*)+)$/

/**
 * Milliseconds of `30s`, `5m`, `1h`, `250ms`, `2d`, of several such parts from large to small (`1h 30m`), or of a number
 * of seconds. Never below 0, and at most what a number holds exactly. The failure says what is wrong.
 */
export const parse = (value: string | number): Result.Result<number, string> => {
  const milliseconds = typeof value === "number" ? value * 1000 : read(value.trim())
  if (milliseconds === undefined) {
    const shown = typeof value === "string" && value.length > 40 ? `${value.slice(0, 39)}…` : value
    return Result.fail(`"${shown}" is no duration, expected ${expected}`)
  }
  if (Number.isNaN(milliseconds)) return Result.fail(`the duration is not a number, expected ${expected}`)
  if (milliseconds < 0 || Object.is(milliseconds, -0))
    return Result.fail(`a duration cannot be negative, expected ${expected}`)
  const rounded = Math.round(milliseconds)
  return rounded > Number.MAX_SAFE_INTEGER
    ? Result.fail("the duration is too long, expected at most 100,000,000 days")
    : Result.succeed(rounded)
}

/** For people: `250 ms`, `1.2 s`, `3m 05s`, `2h 05m`, `1d 02h`. What is smaller than the second part is rounded. */
export const format = (milliseconds: number): string => {
  const whole = Math.round(milliseconds)
  if (whole < 1000) return `${whole} ms`
  const tenths = Math.round(whole / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(whole / 1000)
  if (seconds < 3600) return parts(seconds, 60, "m", "s")
  const minutes = Math.round(whole / 60_000)
  if (minutes < 1440) return parts(minutes, 60, "h", "m")
  return parts(Math.round(whole / 3_600_000), 24, "d", "h")
}

// internal

const units: ReadonlyArray<readonly [unit: string, milliseconds: number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1]
]

const read = (text: string): number | undefined => {
  if (/^-?(\d+\.?\d*|\.\d+)$/.test(text)) return Number(text) * 1000
  if (text.length > 100 || !/^(\d+(\.\d+)?\s*(ms|[dhms])\s*)+$/.test(text)) return undefined
  let sum = 0
  let last = -1
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[dhms])/g)) {
    const rank = units.findIndex(([name]) => name === unit)
    if (rank <= last) return undefined
    last = rank
    sum += Number(number) * (units[rank]?.[1] ?? 0)
  }
  return sum
}

const parts = (count: number, size: number, large: string, small: string): string =>
  `${Math.floor(count / size)}${large} ${String(count % size).padStart(2, "0")}${small}`
