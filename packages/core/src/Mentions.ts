/** Where a workflow declares secrets and environment variables, and where it speaks of them. Pure. */
import type { Plan } from "./Plan.ts"
import type * as Reference from "./Reference.ts"
import type { TaskPath } from "./Task.ts"
import type { Workflow } from "./Workflow.ts"
import type { CanonicalPath } from "./WorkflowFile.ts"

/** A secret or an environment variable that a workflow may speak of. */
export interface Declaration {
  readonly kind: "secret" | "env"
  readonly name: string
  readonly at: CanonicalPath
}

/** In the order of the document, those of nested workflows too. */
export const declarations = (
  { env = [], secrets = [], tasks }: Workflow,
  at: CanonicalPath
): ReadonlyArray<Declaration> => [
  ...secrets.map((name, index): Declaration => ({ kind: "secret", name, at: [...at, "secrets", index] })),
  ...env.map((name, index): Declaration => ({ kind: "env", name, at: [...at, "env", index] })),
  ...tasks.flatMap(({ workflow }, number) =>
    workflow === undefined ? [] : declarations(workflow, [...at, "tasks", number, "workflow"])
  )
]

/** Where a document speaks of one. */
export interface Mention {
  readonly kind: "secret" | "env"
  readonly name: string
  readonly task?: TaskPath
  readonly at: CanonicalPath
  readonly offset: number
  /** There is another source behind it. */
  readonly optional: boolean
}

/** In the order of the document. */
export const mentions = (plan: Plan, at: CanonicalPath, prefix: string): ReadonlyArray<Mention> => {
  const found: Array<Mention> = []
  const add = ({ alternatives, offset }: Reference.Reference, at: CanonicalPath, task?: TaskPath) => {
    for (const [index, one] of alternatives.entries()) {
      const name = one.kind === "secret" ? one.name : envName(one)
      if (name === undefined) continue
      found.push({
        kind: one.kind === "secret" ? "secret" : "env",
        name,
        at,
        offset,
        optional: index < alternatives.length - 1,
        ...(task === undefined ? {} : { task })
      })
    }
  }
  for (const [number, { cacheKey, condition, each, nested, params, path, task, until }] of plan.tasks.entries()) {
    const here = [...at, "tasks", number]
    const own = prefix + path
    for (const reference of params.references) add(reference, [...here, "params", ...reference.at], own)
    for (const reference of cacheKey?.references ?? []) add(reference, [...here, "cache", "key"], own)
    for (const { reference } of condition?.references ?? []) add(reference, [...here, "if"], own)
    for (const { reference } of until?.references ?? []) add(reference, [...here, "repeat", "until"], own)
    for (const one of each?.references ?? []) {
      if ("reference" in one) add(one.reference, [...here, "foreach"], own)
      else add(one, [...here, "foreach", ...one.at], own)
    }
    if (task.workflow !== undefined && nested !== undefined) {
      found.push(...mentions(nested, [...here, "workflow"], `${own}/`))
    }
  }
  for (const [name, template] of plan.outputs) {
    for (const reference of template.references) add(reference, [...at, "outputs", name, ...reference.at])
  }
  return found
}

// internal

const envName = (one: Reference.Alternative): string | undefined =>
  one.kind === "root" && one.root === "env" && one.path.length > 0 ? String(one.path[0]) : undefined
