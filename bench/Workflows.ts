/** The workflows of the measurements, as documents and as YAML text. */
import type { Workflow } from "@gleitzeit/core"
import type { Shape } from "./Subject.ts"

type Task = Workflow.Task

/** In its inner form, with as many tasks at once as the engine has slots. */
export const document = (shape: Shape, size: number): Workflow.Workflow => ({
  name: shape,
  max_concurrency: 256,
  tasks: tasks[shape](size),
  outputs: { last: shape === "chain" ? `\${s${size - 1}.ok}` : "${join.ok}" }
})

/** As a person would write it: block style, a key a line. */
export const yaml = (shape: Shape, size: number): string => {
  const { name, outputs, tasks } = document(shape, size)
  const lines = [`name: ${name}`, "max_concurrency: 256", "tasks:"]
  for (const { dependencies, foreach, id, method, params } of tasks) {
    lines.push(`  - id: ${id}`, `    method: ${method}`)
    if (foreach !== undefined) lines.push(`    foreach: ${JSON.stringify(foreach)}`)
    lines.push("    params:")
    for (const [key, value] of Object.entries(params)) lines.push(`      ${key}: ${String(value)}`)
    if (dependencies !== undefined) lines.push("    dependencies:", ...dependencies.map((one) => `      - ${one}`))
  }
  return [...lines, "outputs:", `  last: ${String(outputs?.["last"])}`, ""].join("\n")
}

// internal

const step = (id: string, n: number, before?: string): Task => ({
  id,
  protocol: "bench/v1",
  method: "bench/step",
  params: before === undefined ? { n } : { n, before: `\${${before}.ok}` }
})

const tasks: { readonly [S in Shape]: (size: number) => Workflow.Workflow["tasks"] } = {
  chain: (size) => [step("s0", 0), ...Array.from({ length: size - 1 }, (_, i) => step(`s${i + 1}`, i + 1, `s${i}`))],
  fan: (size) => [
    step("source", 0),
    ...Array.from({ length: size }, (_, i) => step(`s${i}`, i, "source")),
    { ...step("join", 0), dependencies: Array.from({ length: size }, (_, i) => `s${i}`) }
  ],
  foreach: (size) => [
    step("source", 0),
    { ...step("each", 0, "source"), foreach: Array.from({ length: size }, (_, i) => i) },
    { ...step("join", 0), dependencies: ["each"] }
  ]
}
