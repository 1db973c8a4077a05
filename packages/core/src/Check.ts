/**
 * All complaints about a workflow file, as one list: what `WorkflowFile` found, what the tasks call, what references and
 * expressions speak of, and how the tasks wait for each other. Pure: what can be called comes in as contracts.
 */
import * as CallCheck from "./CallCheck.ts"
import { type At, collector, type Say, sorted } from "./Complaints.ts"
import type { Contract } from "./Contract.ts"
import { type Diagnostic, nearest } from "./Diagnostic.ts"
import { maxNesting } from "./DocumentFile.ts"
import { form } from "./FormCheck.ts"
import * as NestedCheck from "./NestedCheck.ts"
import { cycle } from "./Plan.ts"
import * as Reference from "./Reference.ts"
import { type Depend, references } from "./ReferenceCheck.ts"
import type { Workflow } from "./Workflow.ts"
import type { Parsed } from "./WorkflowFile.ts"

/**
 * In the order of the document, each once, those of `parsed` included. `contracts`: what can be called; `undefined`:
 * only what the document itself shows. A document with mistakes is checked as far as it could be read.
 */
export const check = (parsed: Parsed, contracts: ReadonlyArray<Contract> | undefined): ReadonlyArray<Diagnostic> => {
  const workflow = parsed.workflow ?? parsed.draft?.workflow
  if (workflow === undefined) return sorted(parsed.diagnostics)
  const diagnostics = [...parsed.diagnostics]
  const catalog = CallCheck.catalog(contracts ?? [])
  const known = {
    catalog,
    calls: contracts !== undefined,
    broken: parsed.draft?.broken ?? new Set<string>(),
    isRead: parsed.locateKey !== undefined
  }
  level(CallCheck.adopt(workflow, catalog), [], undefined, known, collector(parsed, diagnostics))
  return sorted(diagnostics, parsed.file)
}

/** Takes a seed's `params.timeout` for the task's where the method has no such param. */
export const adopt = (workflow: Workflow, contracts: ReadonlyArray<Contract>): Workflow =>
  CallCheck.adopt(workflow, CallCheck.catalog(contracts))

// internal

interface Known {
  readonly catalog: CallCheck.Catalog
  /** Whether it is known what can be called. */
  readonly calls: boolean
  readonly broken: ReadonlySet<string>
  /** The reader has seen it. */
  readonly isRead: boolean
}

/** One workflow, then those nested in it. `place`: the numbers of the tasks it is nested in. */
const level = (
  workflow: Workflow,
  place: ReadonlyArray<number>,
  outer: Reference.Names | undefined,
  known: Known,
  sayAt: Say
): void => {
  const path = place.flatMap((number) => ["tasks", number, "workflow"])
  const say: Say = place.length === 0 ? sayAt : (at, ...rest) => sayAt({ ...at, path: [...path, ...at.path] }, ...rest)
  const broken = (number: number) => known.broken.has([...place, number].join("/"))
  const graph = graphOf(workflow)
  if (!known.isRead) form(workflow, say)
  if (known.calls) CallCheck.calls(workflow, known.catalog, broken, say)
  CallCheck.caches(workflow, known.catalog, say)
  NestedCheck.misplaced(workflow, say)
  NestedCheck.given(workflow, broken, say)
  references(workflow, known.catalog, outer, graph.depend, say)
  declared(workflow, graph.depend, say)
  selves(workflow, graph.edges, say)
  cycles(workflow, graph.edges, say)
  for (const [number, { workflow: inner }] of workflow.tasks.entries()) {
    if (inner === undefined) continue
    if (place.length < maxNesting) level(inner, [...place, number], Reference.names(workflow), known, sayAt)
    else {
      const message = `workflows are nested more than ${maxNesting} deep`
      say({ path: ["tasks", number, "workflow"], key: true }, "too-deep", message)
    }
  }
}

/** Of each task: the tasks it waits for, with the first place that says so. */
type Edges = ReadonlyArray<ReadonlyMap<string, At>>

const graphOf = (workflow: Workflow): { readonly edges: Edges; readonly depend: Depend } => {
  const edges = workflow.tasks.map(() => new Map<string, At>())
  return {
    edges,
    depend: (task, on, at) => {
      const own = edges[task]
      if (own !== undefined && !own.has(on)) own.set(on, at)
    }
  }
}

const declared = ({ tasks }: Workflow, depend: Depend, say: Say): void => {
  const known = new Set(tasks.map(({ id }) => id))
  // each suggestion compares with every name
  let suggestions = 50
  for (const [number, { dependencies = [] }] of tasks.entries()) {
    for (const [index, id] of dependencies.entries()) {
      const at = { path: ["tasks", number, "dependencies", index] }
      if (known.has(id)) depend(number, id, at)
      else {
        const names =
          suggestions-- > 0 ? tasks.flatMap(({ id, label }) => (label === undefined ? [id] : [id, label])) : []
        say(at, "unknown-dependency", `there is no task "${id}"`, { suggestion: nearest(id, names) })
      }
    }
  }
}

const selves = ({ tasks }: Workflow, edges: Edges, say: Say): void => {
  for (const [number, { id, repeat }] of tasks.entries()) {
    const at = edges[number]?.get(id)
    if (at === undefined) continue
    const root = at.path.at(-1) === "until" ? "result" : "previous"
    const remedy = repeat === undefined ? "" : `: its own result is \`${root}\` there`
    say(at, "self-dependency", `task "${id}" waits for itself${remedy}`, {
      suggestion: repeat === undefined ? undefined : root
    })
  }
}

/** At most this many are named. */
const maxCycles = 10

const cycles = ({ tasks }: Workflow, edges: Edges, say: Say): void => {
  const numbers = new Map(tasks.map(({ id }, number) => [id, number]))
  const graph = new Map(
    tasks.map(({ id }, number) => [id, [...(edges[number]?.keys() ?? [])].filter((on) => on !== id)] as const)
  )
  for (let i = 0; i < maxCycles; i++) {
    const found = cycle(graph)
    const [first, second] = found ?? []
    if (found === undefined || first === undefined || second === undefined) return
    const at = edges[numbers.get(first) ?? -1]?.get(second) ?? { path: ["tasks"] }
    say(at, "cycle", `tasks wait for each other in a circle: ${found.join(" -> ")}`)
    graph.set(
      first,
      (graph.get(first) ?? []).filter((on) => on !== second)
    )
  }
}
