/**
 * The tasks of a forecast as a tree, one line each: roots first, dependents under the last of those that they wait for,
 * which names the others. Tasks of nested workflows are under their own, with a slash before their names. Pure.
 */
import type { Bounds, Forecast } from "@gleitzeit/core"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

export interface Look {
  readonly style: Style
  readonly columns: number
  /** Paths of the tasks that lack something. */
  readonly lacking: ReadonlySet<string>
}

export const lines = (forecast: Forecast.Forecast, look: Look): ReadonlyArray<string> => {
  const rows = rowsOf(forest(forecast.tasks, ""), look.style)
  const { dim, signs, yellow } = look.style
  const head = { name: "TASK", method: "METHOD", calls: "CALLS" }
  const most = Math.max(12, Math.floor(look.columns * 0.4))
  const widest = (key: "name" | "method" | "calls", limit: number) =>
    rows.reduce((most, row) => Math.min(limit, Math.max(most, Text.width(row[key]))), Text.width(head[key]))
  const name = widest("name", most)
  const method = widest("method", 24)
  const calls = widest("calls", 12)
  const indent = 4 + name + 2 + method + 2 + calls + 2
  const column = (text: string, columns: number) => Text.pad(Text.fit(text, columns, signs.ellipsis), columns)
  const beside = look.columns - indent >= least
  const made = rows.flatMap((row) => {
    const { task } = row
    const margin = beside ? indent : 8 + Text.width(row.trunk)
    const facts = wrapped(row.facts, Math.max(least, look.columns - margin), signs.dot)
    const [first = "", ...more] = beside ? facts : ["", ...facts]
    const lacks = look.lacking.has(task.path)
    const never = task.runs === "never"
    const cached = task.cached !== undefined && task.bounds.calls.most === 0
    const sign = lacks ? yellow(signs.warning) : never ? signs.skipped : cached ? signs.completed : signs.pending
    const paint = never ? dim : (text: string) => text
    const cells = `${column(row.name, name)}  ${dim(column(row.method, method))}  ${Text.padStart(row.calls, calls)}`
    return [
      `  ${lacks ? sign : dim(sign)} ${paint(`${cells}  ${first}`.trimEnd())}`,
      ...more.map((line) => `${Text.pad(`    ${row.trunk}`, margin)}${paint(line)}`)
    ]
  })
  const heading = `    ${Text.pad(head.name, name)}  ${Text.pad(head.method, method)}  ${Text.padStart(head.calls, calls)}`
  return [dim(heading), ...made]
}

/** On lines of at most so many columns, divided between words; `facts` are parted by a sign. */
export const wrapped = (facts: ReadonlyArray<string>, columns: number, dot: string): ReadonlyArray<string> => {
  const words = facts.flatMap((fact, index) => [...(index === 0 ? [] : [dot]), ...Text.flat(fact).split(" ")])
  const lines: Array<string> = []
  let line = ""
  for (let word of words) {
    for (let head = Text.fit(word, columns, ""); head !== "" && head !== word; head = Text.fit(word, columns, "")) {
      lines.push(...(line === "" ? [head] : [line, head]))
      line = ""
      word = word.slice(head.length)
    }
    if (line !== "" && Text.width(line) + 1 + Text.width(word) > columns) {
      // what parts two facts says nothing at the end of a line
      lines.push(line.endsWith(` ${dot}`) ? line.slice(0, -2) : line)
      line = ""
      if (word === dot) continue
    }
    line += line === "" ? word : ` ${word}`
  }
  return line === "" ? lines : [...lines, line]
}

// internal

interface Row {
  readonly task: Forecast.Task
  /** With its branch before it. */
  readonly name: string
  /** What goes on beside further lines of it. */
  readonly trunk: string
  readonly method: string
  readonly calls: string
  readonly facts: ReadonlyArray<string>
}

interface Node {
  readonly task: Forecast.Task
  /** Before the name: one for each workflow that it is nested in. */
  readonly slashes: string
  /** What it waits for; the first is what it hangs on. */
  readonly after: ReadonlyArray<string>
  readonly children: Array<Node>
}

/** Columns for facts beside their task; with fewer they stand beneath it. */
const least = 24

/** Branches beyond this are not moved in any more, and name what they hang on. */
const deepest = 6

const forest = (tasks: ReadonlyArray<Forecast.Task>, slashes: string): ReadonlyArray<Node> => {
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const roots: Array<Node> = []
  const nodes = new Map<string, Node>()
  // who is waited for is in an earlier wave
  for (const task of tasks.toSorted((a, b) => a.wave - b.wave)) {
    const { after, id, tasks: inside = [] } = task
    const last = lastOf(task, byId)
    // what it hangs on has waited for them already
    const above = after.length < 2 ? undefined : new Set(aboveOf(last, byId))
    const others = above === undefined ? [] : after.filter((one) => !above.has(one))
    const named = [...(last === undefined ? [] : [last]), ...others].map((one) => byId.get(one)?.label ?? one)
    const node = { task, slashes, after: named, children: [...forest(inside, `${slashes}/`)] }
    nodes.set(id, node)
    const siblings = last === undefined ? roots : (nodes.get(last)?.children ?? roots)
    siblings.push(node)
  }
  return roots
}

/** Of those it waits for, the one that is over last. */
const lastOf = ({ after }: Forecast.Task, byId: ReadonlyMap<string, Forecast.Task>): string | undefined => {
  const waveOf = (id: string) => byId.get(id)?.wave ?? 0
  return after.reduce<string | undefined>(
    (last, id) => (last === undefined || waveOf(id) >= waveOf(last) ? id : last),
    undefined
  )
}

/** A task, what it hangs on, and so on. */
const aboveOf = (task: string | undefined, byId: ReadonlyMap<string, Forecast.Task>): ReadonlyArray<string> => {
  const above: Array<string> = []
  for (let id = task; id !== undefined;) {
    above.push(id)
    const on = byId.get(id)
    id = on === undefined ? undefined : lastOf(on, byId)
  }
  return above
}

const rowsOf = (forest: ReadonlyArray<Node>, style: Style): ReadonlyArray<Row> => {
  const { branch, last, leaf, trunk } = style.signs
  const rows: Array<Row> = []
  // a stack and not recursion: a chain may be longer than the call stack
  const stack: Array<{ readonly node: Node; readonly trunks: ReadonlyArray<string>; readonly isLast: boolean }> = []
  const push = (nodes: ReadonlyArray<Node>, trunks: ReadonlyArray<string>) => {
    for (const [index, node] of [...nodes.entries()].toReversed()) {
      stack.push({ node, trunks, isLast: index === nodes.length - 1 })
    }
  }
  push(forest, [])
  const roots = new Set(forest)
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { isLast, node, trunks } = next
    const { after, children, slashes, task } = node
    const isDeep = trunks.length >= deepest
    const inner = roots.has(node) || isDeep ? trunks : [...trunks, isLast ? "   " : `${trunk}  `]
    const mark = roots.has(node) ? "" : `${isLast ? last : branch}${leaf} `
    rows.push({
      task,
      name: `${trunks.join("")}${mark}${slashes}${Text.flat(task.label ?? task.id)}`,
      trunk: `${inner.join("")}${children.length > 0 ? trunk : ""}`,
      method: task.method,
      calls: range(task.bounds.calls, style),
      facts: [...waits(after, isDeep), ...factsOf(task)]
    })
    push(children, inner)
  }
  return rows
}

const waits = ([on, ...others]: ReadonlyArray<string>, isDeep: boolean): ReadonlyArray<string> => {
  if (isDeep && on !== undefined) return [`after ${[on, ...others].join(", ")}`]
  return others.length === 0 ? [] : [`and after ${others.join(", ")}`]
}

const factsOf = ({
  cached,
  estimate,
  foreach,
  if: condition,
  method,
  provider,
  repeat,
  runs
}: Forecast.Task): ReadonlyArray<string> => {
  const kept = cached?.runs.length === 1 ? ` from run ${cached.runs[0]}` : ""
  const part = cached === undefined || foreach === undefined ? "" : `${Text.number(cached.calls)} `
  const count = foreach?.items
  const own = provider === undefined || provider === method.split("/")[0]
  return [
    ...(own ? [] : [`on ${provider}`]),
    ...(count === undefined
      ? []
      : [count === null ? "each of a list known later" : `each of ${Text.count(count, "item")}`]),
    ...(repeat === undefined ? [] : [`up to ${Text.count(repeat.max, "time")}`]),
    ...(runs === "never" ? ["never with these inputs"] : []),
    ...(condition === undefined ? [] : [`if ${condition}`]),
    ...(cached === undefined ? [] : [`${part}cached${kept}`]),
    ...(estimate?.input_tokens === undefined ? [] : [`at most ${Text.count(estimate.input_tokens, "token")} in`]),
    ...(estimate?.output_tokens === undefined ? [] : [`at most ${Text.count(estimate.output_tokens, "token")} out`]),
    ...(estimate?.cost_usd === undefined ? [] : [`at most ${Text.dollars(estimate.cost_usd)}`])
  ]
}

/** `3`, `1–3`, `0–?` */
const range = ({ least, most }: Bounds.Range, { signs }: Style): string =>
  least === most ? Text.number(least) : `${Text.number(least)}${signs.to}${most === null ? "?" : Text.number(most)}`
