/**
 * A forecast as a flowchart of Mermaid. Nested workflows are subgraphs; edges are dashed where a task may be left out, or
 * goes on without the value. Whatever a document says stands in labels, spelled so that none of it is Mermaid. Pure.
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
import type { Forecast } from "@gleitzeit/core"
import * as Text from "./Text.ts"

export const lines = ({ tasks }: Forecast.Forecast): ReadonlyArray<string> => [
  "flowchart TD",
  ...level(tasks, "t", "  "),
  "  classDef never stroke-dasharray: 4 4, opacity: 0.5"
]

// internal

const level = (tasks: ReadonlyArray<Forecast.Task>, prefix: string, indent: string): ReadonlyArray<string> => {
  const names = new Map(tasks.map(({ id }, number) => [id, `${prefix}${number}`]))
  const nodes = tasks.flatMap((task, number) => node(task, `${prefix}${number}`, indent))
  const edges = tasks.flatMap((task, number) =>
    task.after.map((id) => {
      const dashed = task.if !== undefined || task.optional.includes(id)
      return `${indent}${names.get(id)} ${dashed ? "-.->" : "-->"} ${prefix}${number}`
    })
  )
  return [...nodes, ...edges]
}

const node = (task: Forecast.Task, name: string, indent: string): ReadonlyArray<string> => {
  const { foreach, label: title, id, method, tasks } = task
  const words = [title ?? id, ...(tasks === undefined ? [method] : []), ...facts(task)].map(label).join("<br/>")
  const never = task.runs === "never" ? [`${indent}class ${name} never`] : []
  if (tasks !== undefined) {
    return [
      `${indent}subgraph ${name}["${words}"]`,
      ...level(tasks, `${name}_`, `${indent}  `),
      `${indent}end`,
      ...never
    ]
  }
  const [open, close] = foreach === undefined ? ["[", "]"] : ["[[", "]]"]
  return [`${indent}${name}${open}"${words}"${close}`, ...never]
}

const facts = ({ cached, foreach, if: condition, repeat }: Forecast.Task): ReadonlyArray<string> => [
  ...(foreach === undefined
    ? []
    : [foreach.items === null ? "each of a list known later" : `each of ${Text.count(foreach.items, "item")}`]),
  ...(repeat === undefined ? [] : [`up to ${Text.count(repeat.max, "time")}`]),
  ...(condition === undefined ? [] : [`if ${Text.fit(Text.flat(condition), longest, "…")}`]),
  ...(cached === undefined ? [] : [foreach === undefined ? "cached" : `${Text.number(cached.calls)} cached`])
]

/** Columns of a condition. */
const longest = 60

/** What may stand between the quotes of a label. Words of the language mean nothing there, signs might. */
const label = (text: string): string =>
  // by code points: half of a pair is no sign
  Text.flat(text).replaceAll(/[^\p{L}\p{N} _.,/()+=-]/gu, (sign) => `#${sign.codePointAt(0)};`)
