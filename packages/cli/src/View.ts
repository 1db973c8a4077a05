/**
 * How progress looks on a terminal: one line a task in document order. What is over at the top is shown for good, the
 * rest is a frame at the bottom that fits on the screen. Pure.
 */
import { type Failure, Run } from "@gleitzeit/core"
import { isForPeople } from "./Answer.ts"
import { wrap } from "./LinesWrap.ts"
import type { Progress, Question, Row, Voice } from "./Progress.ts"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

export interface Look {
  readonly style: Style
  /** Of the terminal. */
  readonly columns: number
  readonly rows: number
  /** Results and logs of tasks are shown beneath them. */
  readonly verbose: boolean
  /** What tasks write is shown beneath them while they write. Default: the end of it, beside them. */
  readonly talk?: boolean
}

/** The workflow's name and the run's id, and what is empty beneath. */
export const header = (progress: Progress, look: Look): ReadonlyArray<string> => {
  const { bold, dim, signs } = look.style
  const room = Math.max(8, look.columns - Text.width(progress.run) - 2)
  return [`${bold(Text.fit(Text.flat(progress.workflow), room, signs.ellipsis))}  ${dim(progress.run)}`, ""]
}

/** The rows that are over and have not been shown, up to the first that is not over; it counts them as shown. */
export const settled = (progress: Progress, look: Look): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const columns = idColumns(progress, look)
  for (let row = progress.rows[progress.shown]; row !== undefined; row = progress.rows[progress.shown]) {
    if (!Run.settled(row.status)) break
    lines.push(rowLine(row, columns, look, 0, 0, false), ...beneath(row, look))
    progress.shown++
  }
  return lines
}

/** What is drawn at the bottom: rows that are not shown yet, as many as fit, and a line of totals. */
export const frame = (progress: Progress, look: Look, now: number, tick: number): ReadonlyArray<string> => {
  const { dim, signs } = look.style
  const columns = idColumns(progress, look)
  const left = progress.rows.length - progress.shown
  const room = Math.max(1, look.rows - 4)
  const talking = look.talk === true ? sum(progress.active, ({ voices }) => voices.size) : 0
  const forRows = room - Math.min(talking * most, Math.floor(room / 2))
  const rows = left <= forRows ? progress.rows.slice(progress.shown) : choose(progress, Math.max(1, forRows - 1))
  const more = left - rows.length
  let free = talking === 0 ? 0 : room - rows.length - Math.min(1, more)
  const each = Math.max(1, Math.min(most, Math.floor(free / talking)))
  const lines = rows.flatMap((row) => {
    const said: Array<string> = []
    for (const voice of row.voices.values()) {
      if (free < 1) break
      const shown = talk(voice, Math.min(each, free), look)
      free -= shown.length
      said.push(...shown)
    }
    return [rowLine(row, columns, look, now, tick, true, said.length > 0), ...said]
  })
  if (more > 0) lines.push(dim(`  ${signs.ellipsis} ${Text.count(more, "more task")}`))
  return [...lines, "", totals(progress, look, now)]
}

/** What has begun and is not shown yet, as it stands when the run comes to rest before its end; it counts as shown. */
export const rest = (progress: Progress, look: Look, now: number): ReadonlyArray<string> => {
  const columns = idColumns(progress, look)
  const rows = progress.rows.slice(progress.shown).filter(({ status }) => status !== "pending")
  progress.shown = progress.rows.length
  return rows.flatMap((row) => [rowLine(row, columns, look, now, 0, false), ...beneath(row, look)])
}

/** The same when this process is told to stop: what is under way is cut off. */
export const interrupted = (progress: Progress, look: Look, now: number): ReadonlyArray<string> => {
  const columns = idColumns(progress, look)
  const rows = progress.rows.slice(progress.shown).filter(({ status }) => status !== "pending")
  progress.shown = progress.rows.length
  return rows.map((row) => {
    const cut = row.status === "running" || row.status === "retrying"
    const shown: Row = cut ? { ...row, status: "cancelled", duration: undefined, message: "interrupted" } : row
    return rowLine(shown, columns, look, now, 0, false)
  })
}

/** The tasks that failed, with their errors. */
export const failures = (progress: Progress, look: Look): ReadonlyArray<string> => {
  const failed = progress.rows
    .filter(({ status }) => status === "failed")
    .map((row): Row => ({ ...row, id: row.name, depth: 0 }))
  const columns = Math.max(0, ...failed.map(({ id }) => Text.width(id)))
  return failed.flatMap((row) => [rowLine(row, columns, look, 0, 0, false), ...beneath(row, look)])
}

/** Every row, whatever its status. */
export const all = (progress: Progress, look: Look): ReadonlyArray<string> => {
  const columns = idColumns(progress, look)
  return progress.rows.flatMap((row) => [rowLine(row, columns, look, 0, 0, false), ...beneath(row, look)])
}

/** How the run ended, on one line. */
export const summary = (progress: Progress, look: Look): string => {
  const { dim, green, red, signs, yellow } = look.style
  const { counts, exceeded, finished, paused, started, status, usage } = progress
  const word =
    status === "completed"
      ? green(`${signs.completed} completed`)
      : status === "failed"
        ? red(`${signs.failed} failed`)
        : status === "cancelled"
          ? yellow(`${signs.cancelled} cancelled`)
          : yellow(
              status === "waiting"
                ? `${signs.suspended} ${paused ? "paused" : exceeded ? "out of budget" : "waiting"}`
                : status
            )
  const time = finished === undefined ? "" : ` in ${Text.duration(finished - started)}`
  const facts = [
    ...["completed", "failed", "skipped", "cancelled", "suspended"].flatMap((name) =>
      (counts[name] ?? 0) > 0 ? [`${Text.number(counts[name] ?? 0)} ${name}`] : []
    ),
    ...(usage.input + usage.output > 0
      ? [`${Text.count(usage.input, "token")} in, ${Text.number(usage.output)} out`]
      : []),
    ...(usage.cost > 0 ? [`$${usage.cost.toFixed(4)}`] : [])
  ]
  return `${word}${time}${facts.length === 0 ? "" : dim(` ${signs.dot} ${facts.join(` ${signs.dot} `)}`)}`
}

/** What went wrong, the message's first line first; a traceback follows it. Made safe for a terminal. */
export const explain = (error: Failure.Failure): ReadonlyArray<string> => {
  const [first = "", ...rest] = Text.clean(error.message).trimEnd().split("\n")
  const trace = Text.clean(traceback(error.data)).trimEnd()
  return [first, ...rest, ...(trace === "" || error.message.includes(trace.slice(0, 200)) ? [] : trace.split("\n"))]
}

/** Says so when results were simulated; empty otherwise. */
export const simulated = (progress: Progress, look: Look): ReadonlyArray<string> => {
  const ids = progress.rows.filter((row) => row.simulated).map(({ name }) => name)
  return ids.length === 0 ? [] : [simulatedNotice(ids, look.style)]
}

export const simulatedNotice = (names: ReadonlyArray<string>, { signs, yellow }: Style): string => {
  const some = Text.flat(names.slice(0, 5).join(", "))
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ""
  const were = names.length > 1 ? "were" : "was"
  return yellow(`${signs.warning} simulated: ${some}${more} ${were} answered by the built-in simulator, not by a model`)
}

/** A result as a person reads it: its text where it has one. */
export const readable = (result: unknown): string => {
  if (typeof result === "string") return result
  if (typeof result === "object" && result !== null && !Array.isArray(result)) {
    if ("content" in result && typeof result.content === "string") return result.content
    // the blocks of an MCP tool: their text, unless there is more to them
    if ("content" in result && "text" in result && typeof result.text === "string" && result.text !== "")
      return result.text
    if ("result" in result && "success" in result) return readable(result.result)
  }
  return JSON.stringify(result, null, 2) ?? "null"
}

// internal

const idColumns = (progress: Progress, look: Look): number => {
  const most = Math.max(12, Math.min(40, Math.floor(look.columns * 0.4)))
  let widest = 0
  for (const { depth, id } of progress.rows) {
    widest = Math.max(widest, 2 * depth + Text.width(id))
    if (widest >= most) return most
  }
  return widest
}

/** Characters of what is written: more than a terminal is wide. */
const enoughPreview = 500

/** `59 m 59 s`, and what keeps it from the id. */
const timeColumns = 10

/** Lines that one voice has at most. */
const most = 10

/** The end of what is written, beneath its row. */
const talk = (voice: Voice, lines: number, { columns, style }: Look): ReadonlyArray<string> => {
  const margin = `      ${voice.of === "" ? "" : `${Text.flat(voice.of)} `}`
  const text = Text.clean(voice.text).replaceAll("\t", "    ").trimEnd()
  if (text === "") return []
  const last = wrap(text, Math.max(8, columns - 1 - Text.width(margin))).slice(-lines)
  const blank = " ".repeat(Text.width(margin))
  return last.map((line, i) => {
    const shown = line.trimEnd()
    return `${i === 0 ? style.dim(margin) : shown === "" ? "" : blank}${voice.isThought ? style.dim(shown) : shown}`
  })
}

const sum = <A>(all: Iterable<A>, of: (one: A) => number): number => {
  let total = 0
  for (const one of all) total += of(one)
  return total
}

/** `  ✓ id   1.2 s  detail`. `drawn`: it has to fit on one line. `isSpoken`: what it writes stands beneath it. */
const rowLine = (
  row: Row,
  columns: number,
  look: Look,
  now: number,
  tick: number,
  drawn: boolean,
  isSpoken = false
): string => {
  const { dim, signs } = look.style
  const id = Text.pad(Text.fit(`${"  ".repeat(row.depth)}${Text.flat(row.id)}`, columns, signs.ellipsis), columns)
  const time = Text.padStart(timeOf(row, now), timeColumns)
  const detail = detailOf(row, look, now, isSpoken)
  const room = Math.max(0, look.columns - 1 - (4 + columns + timeColumns + 2))
  const shown = !drawn
    ? detail.text
    : detail.end
      ? Text.fitEnd(detail.text, room, signs.ellipsis)
      : Text.fit(detail.text, room, signs.ellipsis)
  const quiet = row.status === "pending" || row.status === "skipped" || row.status === "cancelled"
  const name = time.trim() === "" && shown === "" ? id.trimEnd() : id
  const rest = shown === "" ? dim(time.trimEnd()) : `${dim(time)}  ${detail.paint(shown)}`
  return `  ${signOf(row, look.style, tick)} ${quiet ? dim(name) : name}${rest}`
}

const signOf = (row: Row, { cyan, dim, green, red, signs, yellow }: Style, tick: number): string => {
  switch (row.status) {
    case "completed":
      return row.items !== undefined && row.items.failed > 0 ? yellow(signs.completed) : green(signs.completed)
    case "failed":
      return red(signs.failed)
    case "skipped":
      return dim(signs.skipped)
    case "cancelled":
      return yellow(signs.cancelled)
    case "retrying":
      return yellow(signs.retrying)
    case "suspended":
      return yellow(askedOf(row) === undefined ? signs.ellipsis : signs.suspended)
    case "running":
      return cyan(signs.spinner[tick % signs.spinner.length] ?? signs.dot)
    default:
      return dim(signs.pending)
  }
}

const timeOf = (row: Row, now: number): string => {
  if (row.status === "running") return row.since === undefined ? "" : Text.elapsed(now - row.since)
  return row.duration === undefined || row.from !== undefined || !Run.settled(row.status)
    ? ""
    : Text.duration(row.duration)
}

interface Detail {
  readonly text: string
  readonly paint: (text: string) => string
  /** When it does not fit, its end is what matters. */
  readonly end: boolean
}

const detailOf = (row: Row, { style }: Look, now: number, isSpoken: boolean): Detail => {
  const { dim, red, signs, yellow } = style
  const join = (...facts: ReadonlyArray<string>) => facts.filter((fact) => fact !== "").join(` ${signs.dot} `)
  const attempts = row.attempt > 1 ? `${row.attempt} attempts` : ""
  switch (row.status) {
    case "failed":
      return {
        text: join(itemsOf(row), row.error === undefined ? "" : firstLine(row.error), attempts),
        paint: red,
        end: false
      }
    case "skipped":
      return { text: row.skipped ?? "", paint: dim, end: false }
    case "retrying": {
      const wait =
        row.due === undefined ? "" : `attempt ${row.attempt + 1} in ${Math.max(0, Math.ceil((row.due - now) / 1000))} s`
      return { text: join(wait, row.error === undefined ? "" : firstLine(row.error)), paint: yellow, end: false }
    }
    case "running": {
      const part = row.fraction === undefined ? "" : `${Math.round(row.fraction * 100)} %`
      const attempt = row.attempt > 1 ? `attempt ${row.attempt}` : ""
      const voice = row.message === "" ? [...row.voices.values()].at(-1) : undefined
      const preview = isSpoken ? Text.flat(row.message) : Text.flat(voice?.text.slice(-enoughPreview) ?? row.message)
      const thinks = voice?.isThought === true ? "thinks" : ""
      const facts = join(attempt, itemsOf(row), iterationOf(row), part, waitsOf(row, now), thinks)
      return {
        text: facts === "" || preview === "" ? facts + preview : join(facts, preview),
        paint: dim,
        end: facts === ""
      }
    }
    case "completed":
      return {
        text: join(
          itemsOf(row),
          row.iteration === undefined ? "" : Text.count(row.iteration, "iteration"),
          row.from ?? "",
          row.tokens > 0 ? Text.count(row.tokens, "token") : "",
          attempts,
          row.simulated ? "simulated" : ""
        ),
        paint: row.simulated ? yellow : dim,
        end: false
      }
    case "suspended":
      return { text: join(itemsOf(row), iterationOf(row), waitsOf(row, now)), paint: yellow, end: false }
    case "cancelled":
      return { text: Text.flat(row.message), paint: dim, end: false }
    default:
      return { text: "", paint: dim, end: false }
  }
}

/** The first question that somebody has to answer. */
const askedOf = ({ open }: Row): Question | undefined => [...open.values()].find(isForPeople)

/** What it waits for, the first of many in words. */
const waitsOf = (row: Row, now: number): string => {
  const [first] = row.open.values()
  if (first === undefined) return ""
  const { data, expires, kind, prompt } = askedOf(row) ?? first
  const name = typeof data === "object" && data !== null && "name" in data ? ` ${JSON.stringify(data["name"])}` : ""
  const until = expires === undefined ? "" : `until ${Text.until(expires, now)}`
  const what =
    kind === "timer"
      ? "sleeps"
      : kind === "signal"
        ? `waits for signal${name}`
        : prompt === undefined
          ? "waits for an answer"
          : Text.flat(prompt)
  const more = row.open.size > 1 ? `and ${row.open.size - 1} more` : ""
  return [what, until, more].filter((part) => part !== "").join(" ")
}

const iterationOf = ({ iteration }: Row): string => (iteration === undefined ? "" : `iteration ${iteration}`)

const itemsOf = ({ items, status }: Row): string => {
  if (items === undefined) return ""
  const done = items.completed + items.failed
  const failed = items.failed > 0 ? `, ${Text.number(items.failed)} failed` : ""
  return status === "completed" && failed === ""
    ? Text.count(items.total ?? done, "item")
    : `${Text.number(done)} of ${items.total === undefined ? "?" : Text.count(items.total, "item")}${failed}`
}

/** The lines under a row that is over: the rest of an error, with `verbose` what it logged and its result. */
const beneath = (row: Row, look: Look): ReadonlyArray<string> => {
  const { dim } = look.style
  const block = (text: string) => Text.indent(text, "      ").split("\n").map(dim)
  const trace = row.status === "failed" && row.error !== undefined ? explain(row.error).slice(1).join("\n") : ""
  return [
    ...(look.verbose && row.logs.length > 0 ? block(Text.clean(row.logs.join("\n")).trimEnd()) : []),
    ...(trace === "" ? [] : block(trace)),
    ...(look.verbose && row.status === "completed" && row.result !== undefined
      ? block(Text.clean(readable(row.result)).trimEnd())
      : [])
  ]
}

const firstLine = (error: Failure.Failure): string => explain(error)[0] ?? ""

const traceback = (data: unknown): string =>
  typeof data === "object" && data !== null && "traceback" in data && typeof data.traceback === "string"
    ? data.traceback
    : ""

/** When not all rows fit: those that something happens to first, then the next ones in order. */
const choose = (progress: Progress, room: number): ReadonlyArray<Row> => {
  const chosen = new Set<Row>()
  for (const row of progress.active) {
    if (chosen.size >= room) break
    chosen.add(row)
  }
  for (let i = progress.shown; i < progress.rows.length && chosen.size < room; i++) {
    const row = progress.rows[i]
    if (row !== undefined && !Run.settled(row.status)) chosen.add(row)
  }
  return [...chosen]
}

const totals = (progress: Progress, { columns, style }: Look, now: number): string => {
  const { counts, usage } = progress
  const facts = [
    `${Text.number(progress.settled)} of ${Text.count(progress.total, "task")}`,
    ...((counts["failed"] ?? 0) > 0 ? [`${Text.number(counts["failed"] ?? 0)} failed`] : []),
    ...(usage.input + usage.output > 0 ? [Text.count(usage.input + usage.output, "token")] : []),
    ...(progress.started === 0 ? [] : [Text.elapsed(now - progress.started)]),
    ...(progress.paused ? ["paused"] : []),
    ...(progress.exceeded ? ["out of budget"] : [])
  ].filter((fact) => fact !== "")
  return style.dim(Text.fit(`  ${facts.join(` ${style.signs.dot} `)}`, columns - 1, style.signs.ellipsis))
}
