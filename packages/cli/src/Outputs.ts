/** What a run has brought, as text for people. Pure. */
import { type Contract, Plan, type Run, type Workflow } from "@gleitzeit/core"
import { make, type Style } from "./Style.ts"
import * as Text from "./Text.ts"
import { readable } from "./View.ts"

/** Each under its name: what fits on a line beside it, everything else beneath. Empty without outputs. */
export const text = (outputs: { readonly [name: string]: unknown }, { bold }: Style): string => {
  const entries = Object.entries(outputs)
  const alone = entries.length === 1
  return entries
    .map(([name, value]) => {
      const shown = typeof value === "string" ? value.trimEnd() : json(value)
      const beside = !(alone && typeof value === "string") && !shown.includes("\n") && Text.width(shown) <= 100
      return `${bold(`${name}:`)}${beside ? ` ${shown}` : `\n${shown}`}`
    })
    .join("\n")
}

/** As `text`, for a file. */
export const plain = (outputs: { readonly [name: string]: unknown }): string =>
  `${text(outputs, make({ color: false, unicode: true }))}\n`

/** The outputs of a report. Of a workflow that declares none, when it has completed: the results of the last tasks. */
export const of = (
  report: Run.Report,
  workflow: Workflow.Workflow | undefined,
  contracts: ReadonlyArray<Contract.Contract>
): { readonly [name: string]: unknown } => {
  if (workflow === undefined || Object.keys(workflow.outputs ?? {}).length > 0) return report.outputs ?? {}
  if (report.status !== "completed") return {}
  const plan = Plan.make(workflow, new Map(contracts.map((contract) => [contract.method, contract])))
  const last: Record<string, unknown> = {}
  plan.tasks.forEach(({ task }, number) => {
    const found = report.tasks[task.id]
    if (plan.dependents[number]?.length === 0 && found?.status === "completed") last[task.id] = value(found.result)
  })
  return last
}

// internal

const value = (result: unknown): unknown => {
  const shown = readable(result)
  return typeof result === "object" && shown === json(result) ? result : shown
}

const json = (value: unknown): string => {
  const short = JSON.stringify(value) ?? "null"
  return short.length <= 80 ? short : JSON.stringify(value, null, 2)
}
