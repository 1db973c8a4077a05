/**
 * Text, or a value, to a workflow in its one inner form, or to complaints with their places. Reads what the document
 * itself says; what can be called, and whether references lead anywhere, is `Check`.
 */
import { Complaints, sorted } from "./Complaints.ts"
import type { Diagnostic } from "./Diagnostic.ts"
import * as Field from "./Field.ts"
import * as InputFile from "./InputFile.ts"
import * as JsonText from "./JsonText.ts"
import { found } from "./JsonSchemaWords.ts"
import {
  type Entry,
  fromValue as treeOf,
  inside,
  type Mapping,
  maxLength,
  type Node,
  type Position
} from "./Position.ts"
import * as Spelling from "./Spelling.ts"
import type { Task } from "./Task.ts"
import * as TaskFile from "./TaskFile.ts"
import type { Workflow } from "./Workflow.ts"
import * as YamlText from "./YamlText.ts"

export interface Source {
  /** YAML, or JSON, which is YAML too. */
  readonly text: string
  /** As it is given to people. One that ends in `.json` must be JSON. */
  readonly file?: string
}

/** `path` names the place in a document that has no text: line and column are 1 then. */
export interface Spot extends Position {
  readonly path?: string
}

export type CanonicalPath = ReadonlyArray<string | number>

export interface Parsed {
  /** `undefined` when there are errors. */
  readonly workflow: Workflow | undefined
  readonly diagnostics: ReadonlyArray<Diagnostic>
  /**
   * A place in the canonical workflow, such as `["tasks", 2, "params", "code"]`, whatever spelling it was written in.
   * `offset` is one inside that string: exact in scalars that are written as they are and in literal blocks, else the
   * scalar's beginning. What is not there is where its nearest parent is.
   */
  readonly locate: (path: CanonicalPath, offset?: number) => Spot
  /** The same of the key under which it stands. Absent: the document has no places, its paths name them. */
  readonly locateKey?: (path: CanonicalPath) => Spot
  readonly file?: string
  /** What could be read in spite of errors, so that all of them can be found at once. */
  readonly draft?: Draft
}

export interface Draft {
  readonly workflow: Workflow
  /** Numbers (from 0) of tasks whose method or params could not be read. */
  readonly broken: ReadonlySet<number>
}

/** Never throws. All mistakes at once, but for those of syntax, behind which nothing can be trusted. */
export const parse = ({ file, text: written }: Source): Parsed => {
  const text = written.replace(/^\uFEFF/, "")
  if (text.length > maxLength) {
    const complaints = new Complaints("", file)
    const message = `the document has ${text.length} characters, more than the ${maxLength} allowed: a \`foreach\` says what many tasks say`
    complaints.add({ start: 0 }, "too-large", message)
    return nothing(complaints, file)
  }
  const complaints = new Complaints(text, file)
  const root = file?.toLowerCase().endsWith(".json") ? JsonText.read(text, complaints) : YamlText.read(text, complaints)
  if (root === undefined && !complaints.failed)
    complaints.add({ start: 0 }, "empty", `the document is empty, ${expected}`)
  return read(root, complaints, { text, file })
}

/** A document given as a value (TypeScript object, JSON-RPC): positions are 1:1 and messages name the path. */
export const fromValue = (value: unknown): Parsed => {
  const complaints = new Complaints("", undefined)
  return read(treeOf(value, complaints), complaints, { text: "", file: undefined })
}

// internal

const expected = "expected a workflow, a mapping with `name` and `tasks`"

const nothing = (complaints: Complaints, file: string | undefined): Parsed => ({
  workflow: undefined,
  diagnostics: sorted(complaints.diagnostics),
  locate: () => ({ line: 1, column: 1 }),
  ...defined({ file })
})

const read = (root: Node | undefined, complaints: Complaints, origin: TaskFile.Origin): Parsed => {
  if (root?.kind !== "mapping") {
    if (root !== undefined) complaints.add(root, "not-a-mapping", `the document is ${found(root.value)}, ${expected}`)
    return nothing(complaints, origin.file)
  }
  const given = Spelling.fields(root, Spelling.workflow, complaints)
  const defaults = TaskFile.readDefaults(given.get("defaults"), complaints)
  const tasks = readTasks(root, given, defaults, complaints, origin)
  addClashes(tasks, complaints)
  const workflow = document(given, resolved(tasks, complaints), complaints, origin.file)
  const find = finder(root, given, tasks)
  const spot = ({ path, start }: Node | Entry["key"]): Spot => ({
    ...complaints.position(start),
    ...(path === undefined ? {} : { path })
  })
  return {
    workflow: complaints.failed ? undefined : workflow,
    diagnostics: sorted(complaints.diagnostics),
    locate: (path, offset) => {
      const { exact, node } = find(path)
      if (offset === undefined || !exact || node.kind !== "scalar" || node.path !== undefined) return spot(node)
      return spot({ start: inside(origin.text, node, offset), end: 0 })
    },
    locateKey: (path) => spot(find(path).key),
    ...defined({ file: origin.file, draft: workflow === undefined ? undefined : { workflow, broken: broken(tasks) } })
  }
}

const broken = (tasks: ReadonlyArray<TaskFile.TaskRead>): ReadonlySet<number> =>
  new Set(tasks.flatMap(({ broken }, number) => (broken ? [number] : [])))

const readTasks = (
  root: Mapping,
  given: Spelling.Fields,
  defaults: TaskFile.Defaults,
  complaints: Complaints,
  origin: TaskFile.Origin
): ReadonlyArray<TaskFile.TaskRead> => {
  const entry = given.get("tasks")
  if (entry?.value.kind === "list" && entry.value.items.length > 0) {
    return entry.value.items.flatMap((item, index) => {
      const task = TaskFile.read(item, index + 1, defaults, origin, complaints)
      return task === undefined ? [] : [task]
    })
  }
  if (entry === undefined) complaints.add(root, "missing-key", "the workflow has no `tasks`, a list with at least one")
  else if (entry.value.kind === "list")
    complaints.add(entry.value, "wrong-type", "`tasks` is empty, expected at least one")
  else {
    const message = `\`tasks\`: expected a list, each item with an \`id\` and a \`method\`, found ${found(entry.value.value)}`
    complaints.add(entry.value, "wrong-type", message)
  }
  return []
}

const document = (
  given: Spelling.Fields,
  tasks: ReadonlyArray<Task>,
  complaints: Complaints,
  file: string | undefined
): Workflow | undefined => {
  const type = given.get("type")
  if (type?.value.value === "batch") Spelling.addUnsupported("type: batch", type.key, complaints)
  else if (type !== undefined) {
    complaints.add(type.key, "unknown-key", 'unknown key "type" in a workflow: a task has one, its `method`')
  }
  Field.flag(given.get("wait_for_completion"), "`wait_for_completion`", complaints)
  const id = Field.filled(given.get("id"), "`id`", complaints)
  const name = Field.filled(given.get("name"), "`name`", complaints)
  const outputs = Field.mapping(given.get("outputs"), "`outputs`", complaints)?.value
  const parts: Omit<Workflow, "tasks"> = {
    ...defined({ id }),
    name: name ?? id ?? stem(file) ?? "workflow",
    ...defined({
      version: Field.text(given.get("version"), "`version`", complaints),
      description: Field.text(given.get("description"), "`description`", complaints),
      tags: Field.strings(given.get("tags"), "`tags`", complaints),
      metadata: Field.json(given.get("metadata"), "`metadata`", complaints),
      inputs: InputFile.read(given.get("inputs"), complaints),
      providers: Field.strings(given.get("providers"), "`providers`", complaints),
      secrets: Field.strings(given.get("secrets"), "`secrets`", complaints),
      env: Field.strings(given.get("env"), "`env`", complaints),
      timeout: Field.duration(1)(given.get("timeout"), "`timeout`", complaints),
      fail_fast: Field.flag(given.get("fail_fast"), "`fail_fast`", complaints),
      max_concurrency: Field.whole(1)(given.get("max_concurrency"), "`max_concurrency`", complaints),
      priority: Field.priority(given.get("priority"), "`priority`", complaints),
      outputs
    })
  }
  const [first, ...rest] = tasks
  return first === undefined ? undefined : { ...parts, tasks: [first, ...rest] }
}

type Defined<A> = { readonly [K in keyof A]?: Exclude<A[K], undefined> }

const defined = <A extends { readonly [key: string]: unknown }>(values: A): Defined<A> =>
  // Safe: only what is not undefined is left.
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<A>

/** A file's name without folder and ending. */
const stem = (file: string | undefined): string | undefined => {
  const name = file
    ?.split(/[/\\]/)
    .at(-1)
    ?.replace(/(?<=.)\.[^.]*$/, "")
  return name === "" || name === "-" ? undefined : name
}

const addClashes = (tasks: ReadonlyArray<TaskFile.TaskRead>, complaints: Complaints): void => {
  const ids = new Map<string, TaskFile.TaskRead>()
  for (const read of tasks) {
    const { id } = read.task
    const former = ids.get(id)
    if (former === undefined) ids.set(id, read)
    else {
      const place = (read.fields.get("id") ?? read.fields.get("name"))?.value ?? read.node
      complaints.add(place, "duplicate-id", `duplicate task id "${id}", first ${whereIs(former, complaints)}`)
    }
  }
  for (const { fields, node, task } of tasks) {
    const other = task.label === undefined ? undefined : ids.get(task.label)
    if (other === undefined) continue
    const message = `the name "${task.label}" is the id of another task, ${whereIs(other, complaints)}`
    complaints.add(fields.get("name")?.value ?? node, "ambiguous-name", message)
  }
}

const whereIs = ({ node: place }: TaskFile.TaskRead, complaints: Complaints): string =>
  place.path === undefined ? `on line ${complaints.position(place.start).line}` : `at ${place.path}`

/** The tasks with their dependencies as ids. What is neither id nor name stays for `Check` to complain about. */
const resolved = (tasks: ReadonlyArray<TaskFile.TaskRead>, complaints: Complaints): ReadonlyArray<Task> => {
  const labels = new Map<string, Array<string>>()
  for (const { task } of tasks) {
    if (task.label !== undefined) labels.set(task.label, [...(labels.get(task.label) ?? []), task.id])
  }
  return tasks.map(({ dependencies, task }) => {
    if (dependencies.length === 0) return task
    return {
      ...task,
      dependencies: dependencies.map((node) => {
        // a name that is an id too has its complaint already
        const [id, other] = labels.get(node.value) ?? []
        if (other !== undefined) {
          complaints.add(
            node,
            "ambiguous-name",
            `"${node.value}" is the name of more than one task (ids ${id}, ${other})`
          )
        }
        return id ?? node.value
      })
    }
  })
}

interface Found {
  /** Where its key is, or else where it is itself. */
  readonly key: Entry["key"]
  readonly node: Node
  /** It is there, and not only a parent of it. */
  readonly exact: boolean
}

const finder =
  (root: Mapping, given: Spelling.Fields, tasks: ReadonlyArray<TaskFile.TaskRead>) =>
  (path: CanonicalPath): Found => {
    const [first, second, third, fourth] = path
    const task = first === "tasks" && typeof second === "number" ? tasks[second] : undefined
    if (task === undefined)
      return first === undefined ? itself(root) : below(given.get(String(first)), itself(root), path.slice(1))
    const { node } = task
    if (third === undefined) return itself(node)
    const dependency = third === "dependencies" && typeof fourth === "number" ? task.dependencies[fourth] : undefined
    if (dependency !== undefined) return itself(dependency)
    const entry = task.fields.get(String(third)) ?? (third === "id" ? task.fields.get("name") : undefined)
    const found = below(entry, itself(node), path.slice(3))
    // given by `defaults`
    const model = third === "params" && fourth === "model" && !found.exact ? task.fields.get("model") : undefined
    return model === undefined ? found : below(model, found, path.slice(4))
  }

const itself = (node: Node): Found => ({ key: node, node, exact: true })

const below = (entry: Entry | undefined, parent: Found, path: CanonicalPath): Found => {
  let next = entry
  let found: Found = parent
  for (let i = 0; ; i++) {
    if (next === undefined) return { ...found, exact: false }
    found = { key: next.key, node: next.value, exact: true }
    if (i === path.length) return found
    const step = path[i]
    const { node } = found
    // the words of an input's schema stand beside its default
    if (step === "schema" && node.kind === "mapping" && !node.entries.has("schema")) continue
    const item = node.kind === "list" ? node.items[Number(step)] : undefined
    next =
      node.kind === "mapping"
        ? Spelling.entryOf(node, String(step), Spelling.retry)
        : item === undefined
          ? undefined
          : { key: item, value: item }
  }
}
