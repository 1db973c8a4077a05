/** Text laid out for people: widths, durations, numbers, tables. Pure, without colors. */
import { CliOutput } from "./Cli.ts"

/** Columns that a text takes on a terminal; color codes take none. */
export const width = (text: string): number => (narrow.test(text) ? text.length : CliOutput.displayWidth(text))

/** At most so many columns; what does not fit gives way to the ellipsis. */
export const fit = (text: string, columns: number, ellipsis: string): string => {
  if (width(text) <= columns) return text
  if (columns < 1) return ""
  let short = ""
  let used = 0
  for (const { segment } of segments(text)) {
    const next = width(segment)
    if (used + next > columns - 1) break
    short += segment
    used += next
  }
  return `${short.trimEnd()}${ellipsis}`
}

/** As `fit`, but the end of the text stays. */
export const fitEnd = (text: string, columns: number, ellipsis: string): string => {
  if (width(text) <= columns) return text
  if (columns < 1) return ""
  const parts = [...segments(text)].map(({ segment }) => segment)
  let short = ""
  let used = 0
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const next = width(part)
    if (used + next > columns - 1) break
    short = part + short
    used += next
  }
  return `${ellipsis}${short.trimStart()}`
}

export const pad = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)))

export const padStart = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - width(text))) + text

/** What a terminal would obey is taken out: sequences that begin with escape, control characters but newline and tab. */
export const clean = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    .replaceAll(/\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\-_])/g, "")
    .replaceAll("\r\n", "\n")
    // oxlint-disable-next-line no-control-regex -- as above
    .replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, "")

/** As `clean`, but colors stay. */
export const safe = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex -- as above
    .split(/(\u001B\[[0-9;]*m)/)
    .map((part, i) => (i % 2 === 1 ? part : clean(part)))
    .join("")

/** On one line. */
export const flat = (text: string): string => clean(text).replaceAll(/\s+/g, " ").trim()

/** `340 ms`, `1.2 s`, `12 s`, `1 m 04 s`, `2 h 05 m`, `3 d 04 h`. */
export const duration = (milliseconds: number): string => {
  const ms = Math.max(0, milliseconds)
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}

/** Of what is still going on: whole seconds, so that it does not flicker. Empty in the first second. */
export const elapsed = (milliseconds: number): string =>
  milliseconds < 1000 ? "" : milliseconds < 60_000 ? `${Math.floor(milliseconds / 1000)} s` : duration(milliseconds)

/** `12,345` */
export const number = (value: number): string => String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, ",")

/** `$16.2`: without what sums of fractions leave behind their tenth place. */
export const dollars = (value: number): string => `$${value.toFixed(10).replace(/\.?0+$/, "")}`

/** `1 task`, `2 tasks` */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`

/** Local time of day, `12:34:56`. */
export const clock = (millis: number): string => {
  const date = new Date(millis)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Local date and time, `2026-11-21 12:34:56`. */
export const dateTime = (millis: number): string => {
  const date = new Date(millis)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(millis)}`
}

/** Milliseconds after which a time of day alone would not say which day is meant. */
export const halfDay = 12 * 3_600_000

/** Local time of day, with the date when it is not near. */
export const until = (millis: number, now: number): string =>
  millis - now > halfDay ? dateTime(millis) : clock(millis)

/** Columns two apart, the last one ragged. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, width(cell))))
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0)))
      .join("  ")
      .trimEnd()
  )
}

/** Every line moved in. */
export const indent = (text: string, by: string): string =>
  text
    .split("\n")
    .map((line) => (line === "" ? "" : by + line))
    .join("\n")

// internal

/** What takes one column each, for sure: most letters of Europe, and the signs of `Style`. */
const narrow = /^[\u0020-\u007E\u00A1-\u00AC\u00AE-\u02FF…·✓✗↷⊘○↻\u2800-\u28FF]*$/

const two = (value: number): string => String(value).padStart(2, "0")

const segments = (text: string) => new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)
