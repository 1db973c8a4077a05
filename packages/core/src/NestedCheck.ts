/** Nested workflows from outside: what they may not have, and what they are given, against the inputs they declare. */
import * as CallCheck from "./CallCheck.ts"
import type { Say } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import { secretInput } from "./InputFile.ts"
import { check } from "./JsonSchemaCheck.ts"
import { some } from "./JsonSchemaWords.ts"
import * as Lookup from "./Lookup.ts"
import { besideWorkflow } from "./Spelling.ts"
import type { Task, Workflow } from "./Workflow.ts"

/** What a run has once, and what cannot be given: the reader refuses it, a workflow that was never a document has it. */
export const misplaced = ({ tasks }: Workflow, say: Say): void => {
  for (const [number, task] of tasks.entries()) {
    const { workflow } = task
    if (workflow === undefined) continue
    for (const [key, remedy] of besideWorkflow) {
      if (own.has(key) || !Object.hasOwn(task, key)) continue
      const message = `\`${key}\` cannot stand beside \`workflow\`: ${remedy}`
      say({ path: ["tasks", number, key], key: true }, "misplaced-key", message)
    }
    const path = ["tasks", number, "workflow"]
    for (const key of ["timeout", "max_concurrency", "fail_fast", "budget"] as const) {
      const message = `\`${key}\` belongs to the run's own workflow: a nested one runs under its limits`
      if (workflow[key] !== undefined) say({ path: [...path, key], key: true }, "misplaced-key", message)
    }
    for (const [name, { secret }] of Object.entries(workflow.inputs ?? {})) {
      const at = { path: [...path, "inputs", name, "secret"], key: true }
      if (secret === true) say(at, "misplaced-secret", secretInput)
    }
  }
}

/** `broken`: whether what a task gives, by its number, could not be read. What is inside is not looked at. */
export const given = (workflow: Workflow, broken: (task: number) => boolean, say: Say): void => {
  let open: ((text: string) => boolean) | undefined
  for (const [number, task] of workflow.tasks.entries()) {
    if (task.workflow === undefined || broken(number)) continue
    open ??= CallCheck.opening(workflow)
    inputs(task, task.workflow, number, open, say)
  }
}

// internal

/** What the inner form of a nested workflow has in these fields is how it says that it is one, and its inputs. */
const own = new Set(["method", "protocol", "params"])

const inputs = (
  { params }: Task,
  { inputs: declared = {}, name: workflow }: Workflow,
  number: number,
  open: (text: string) => boolean,
  say: Say
): void => {
  const path = ["tasks", number, "params"]
  const names = Object.keys(declared)
  for (const name of Object.keys(params)) {
    if (Object.hasOwn(declared, name)) continue
    const expected = names.length === 0 ? ": it declares none" : `, expected ${some(names)}`
    const message = `the nested workflow "${workflow}" has no input "${name}"${expected}`
    say({ path: [...path, name], key: true }, "unknown-input", message, { suggestion: nearest(name, names) })
  }
  for (const [name, { default: standard, required, schema }] of Object.entries(declared)) {
    const value = Object.hasOwn(params, name) ? params[name] : undefined
    if (value === undefined) {
      if (!required || standard !== undefined) continue
      say({ path, key: true }, "missing-input", `the nested workflow "${workflow}" needs the input "${name}"`)
      continue
    }
    for (const { message, path: inside, suggestion } of check(schema, value, { open })) {
      const where = `\`${name}${Lookup.format(inside)}\``
      say({ path: [...path, name, ...inside] }, "invalid-input", `${where}: ${message}`, { suggestion })
    }
  }
}
