/**
 * Trees to a workflow in its one inner form: the document's own keys, its tasks, and what is nested in them, from the
 * same text or from a file. Which texts there are is `Library`; one task is `TaskFile`.
 */
import * as Field from "./Field.ts"
import * as InputFile from "./InputFile.ts"
import { found } from "./JsonSchemaWords.ts"
import { reading } from "./Keys.ts"
import { expected, folderOf, type Library, nameOf, type Sheet } from "./Library.ts"
import * as PolicyFile from "./PolicyFile.ts"
import { type Entry, type List, type Mapping, type Node } from "./Position.ts"
import * as Reference from "./Reference.ts"
import * as Spelling from "./Spelling.ts"
import * as TaskFile from "./TaskFile.ts"
import type { Task, Workflow } from "./Workflow.ts"

export interface Document {
  readonly sheet: Sheet
  /** A nested workflow may be a list of tasks. */
  readonly node: Mapping | List
  readonly given: Spelling.Fields
  readonly tasks: ReadonlyArray<TaskFile.TaskRead>
  /** `undefined`: without a task that could be read. */
  readonly workflow: Workflow | undefined
}

/** Workflows inside each other, the outermost not counted. */
export const maxNesting = 20

/** What nested files may add to a workflow that they stand in already, in characters. */
export const maxRepeated = 1_000_000

/** Complaints go to the sheets. */
export const read = (sheet: Sheet, library: Library): Document | undefined => {
  const node = mappingOf(sheet)
  if (node === undefined) return undefined
  const chain = sheet.file === undefined ? [] : [nameOf(undefined, sheet.file)]
  return document(
    node,
    { sheet, library, chain, depth: 0, repeats: { left: maxRepeated, known: new Set() } },
    undefined
  )
}

// internal

interface Context {
  readonly sheet: Sheet
  readonly library: Library
  /** Names of files, each inside the one before. */
  readonly chain: ReadonlyArray<string>
  readonly depth: number
  /** Characters that may still be added by files that stand in the workflow already. */
  readonly repeats: { left: number; readonly known: Set<Sheet> }
}

const mappingOf = ({ complaints, root }: Sheet): Mapping | undefined => {
  if (root?.kind === "mapping") return root
  if (root !== undefined) complaints.add(root, "not-a-mapping", `the document is ${found(root.value)}, ${expected}`)
  return undefined
}

const document = (node: Mapping, context: Context, outer: TaskFile.Outer | undefined): Document => {
  const { complaints, file } = context.sheet
  const given = Spelling.fields(node, Spelling.workflow, complaints)
  const defaults = TaskFile.readDefaults(given.get("defaults"), outer?.defaults, complaints)
  const entry = given.get("tasks")
  if (entry === undefined) complaints.add(node, "missing-key", "the workflow has no `tasks`, a list with at least one")
  const tasks = entry === undefined ? [] : readTasks(entry.value, "`tasks`", defaults, context)
  const [first, ...rest] = resolved(tasks, context)
  if (outer !== undefined) addMisplaced(given, context)
  const type = given.get("type")
  if (type?.value.value === "batch") Spelling.addUnsupported("type: batch", type.key, complaints)
  else if (type !== undefined) {
    complaints.add(type.key, "unknown-key", 'unknown key "type" in a workflow: a task has one, its `method`')
  }
  const { part, value } = reading(given, Spelling.workflow, complaints)
  value("wait_for_completion")
  const id = value("id")
  const name = value("name")
  const outputs = value("outputs")?.value
  const parts: Omit<Workflow, "tasks"> = {
    ...Field.optional("id", id),
    name: name ?? id ?? outer?.id ?? stem(file) ?? "workflow",
    ...part("version"),
    ...part("description"),
    ...part("tags"),
    ...part("metadata"),
    ...Field.optional("inputs", InputFile.read(given.get("inputs"), outer !== undefined, complaints)),
    ...part("providers"),
    ...part("secrets"),
    ...part("env"),
    ...part("priority"),
    ...(outer === undefined ? readLimits(given, context) : {})
  }
  const workflow: Workflow | undefined =
    first === undefined
      ? undefined
      : {
          ...parts,
          tasks: [first, ...rest],
          ...Field.optional("outputs", outputs ?? (outer === undefined ? undefined : results([first, ...rest])))
        }
  return { sheet: context.sheet, node, given, tasks, workflow }
}

/** What a run has once. */
const readLimits = (given: Spelling.Fields, { sheet: { complaints } }: Context) => {
  const { part } = reading(given, Spelling.workflow, complaints)
  return {
    ...part("timeout"),
    ...part("fail_fast"),
    ...part("max_concurrency"),
    ...Field.optional("budget", PolicyFile.budget(given.get("budget"), complaints))
  }
}

const addMisplaced = (given: Spelling.Fields, { sheet: { complaints } }: Context): void => {
  for (const key of Spelling.ofTheRun) {
    const entry = given.get(key)
    const message = `\`${key}\` belongs to the run's own workflow: a nested one runs under its limits`
    if (entry !== undefined) complaints.add(entry.key, "misplaced-key", message)
  }
  const budget = given.get("budget")
  const message = "`budget` of a nested workflow stands beside its `workflow`, in the task"
  if (budget !== undefined) complaints.add(budget.key, "misplaced-key", message)
}

// nested

/** What stands under `workflow` of a task. `undefined`: nothing that can be read, which is a complaint. */
const nested = (entry: Entry, outer: TaskFile.Outer, context: Context): Document | undefined => {
  const { complaints } = context.sheet
  const { value: node } = entry
  if (context.depth === maxNesting) {
    complaints.add(entry.key, "too-deep", `workflows are nested more than ${maxNesting} deep`)
    return undefined
  }
  const inside = { ...context, depth: context.depth + 1 }
  if (node.kind === "mapping") return document(node, inside, outer)
  if (node.kind === "list") return listed(node, inside, outer)
  if (typeof node.value === "string" && node.value !== "") return fromFile(node, node.value, inside, outer)
  const forms = "a list of tasks, a workflow, or the path of a file that holds one"
  complaints.add(node, "wrong-type", `\`workflow\`: expected ${forms}, found ${found(node.value)}`)
  return undefined
}

/** Declares no inputs: they are what it is given. */
const listed = (node: List, context: Context, outer: TaskFile.Outer): Document => {
  const tasks = readTasks(node, "`workflow`", outer.defaults, context)
  const [first, ...rest] = resolved(tasks, context)
  const inputs = Object.keys(outer.inputs).map((name) => [name, { schema: {}, required: true }] as const)
  const workflow: Workflow | undefined =
    first === undefined
      ? undefined
      : {
          name: outer.id,
          ...(inputs.length === 0 ? {} : { inputs: Object.fromEntries(inputs) }),
          tasks: [first, ...rest],
          outputs: results([first, ...rest])
        }
  return { sheet: context.sheet, node, given: new Map(), tasks, workflow }
}

const fromFile = (node: Node, path: string, context: Context, outer: TaskFile.Outer): Document | undefined => {
  const { chain, library, repeats, sheet } = context
  const complain = (code: string, message: string) => {
    sheet.complaints.add(node, code, message)
    return undefined
  }
  if (path.includes("${")) {
    return complain("wrong-type", "`workflow` is read before anything runs: the path of a file as it stands")
  }
  const name = nameOf(sheet.file, path)
  const from = chain.indexOf(name)
  if (from >= 0) {
    return complain("cycle", `the file contains itself: ${[...chain.slice(from), name].join(" -> ")}`)
  }
  const file = library.get(name)
  if (file === undefined) {
    return complain("unread-file", `the nested workflow is in the file "${path}", and no files are read here`)
  }
  if (typeof file === "string") return complain("unreadable-file", `the nested workflow cannot be read: ${file}`)
  if (repeats.known.has(file)) repeats.left -= file.text.length
  if (repeats.left < 0) {
    const message = `files that are nested more than once make the workflow longer by more than ${maxRepeated} characters`
    return complain("too-large", message)
  }
  repeats.known.add(file)
  const root = mappingOf(file)
  if (root === undefined) return undefined
  // defaults are of the document they stand in
  const own = { ...outer, defaults: TaskFile.noDefaults }
  return document(root, { ...context, sheet: file, chain: [...chain, name] }, own)
}

/** Without outputs of its own a nested workflow gives the results of its tasks by their ids. */
const results = (tasks: Workflow["tasks"]): Record<string, string> => {
  const names = Reference.names({ tasks })
  return Object.fromEntries(tasks.map(({ id }) => [id, Reference.ofTask(id, names)]))
}

// tasks

const readTasks = (
  node: Node,
  what: string,
  defaults: TaskFile.Defaults,
  context: Context
): ReadonlyArray<TaskFile.TaskRead> => {
  const { sheet } = context
  const { complaints } = sheet
  if (node.kind === "list" && node.items.length > 0) {
    const inner = (entry: Entry, outer: TaskFile.Outer) => nested(entry, outer, context)
    const tasks = node.items.flatMap((item, index) => {
      const task = TaskFile.read(item, index + 1, defaults, sheet, inner)
      return task === undefined ? [] : [task]
    })
    addClashes(tasks, context)
    return tasks
  }
  if (node.kind === "list") complaints.add(node, "wrong-type", `${what} is empty, expected at least one`)
  else {
    const message = `${what}: expected a list, each item with an \`id\` and a \`method\`, found ${found(node.value)}`
    complaints.add(node, "wrong-type", message)
  }
  return []
}

const addClashes = (tasks: ReadonlyArray<TaskFile.TaskRead>, { sheet: { complaints } }: Context): void => {
  const whereIs = ({ node: place }: TaskFile.TaskRead): string =>
    place.path === undefined ? `on line ${complaints.position(place.start).line}` : `at ${place.path}`
  const ids = new Map<string, TaskFile.TaskRead>()
  for (const read of tasks) {
    const { id } = read.task
    const former = ids.get(id)
    if (former === undefined) ids.set(id, read)
    else {
      const place = (read.fields.get("id") ?? read.fields.get("name"))?.value ?? read.node
      complaints.add(place, "duplicate-id", `duplicate task id "${id}", first ${whereIs(former)}`)
    }
  }
  for (const { fields, node, task } of tasks) {
    const other = task.label === undefined ? undefined : ids.get(task.label)
    if (other === undefined) continue
    const message = `the name "${task.label}" is the id of another task, ${whereIs(other)}`
    complaints.add(fields.get("name")?.value ?? node, "ambiguous-name", message)
  }
}

/** The tasks with their dependencies as ids. What is neither id nor name stays for `Check` to complain about. */
const resolved = (tasks: ReadonlyArray<TaskFile.TaskRead>, { sheet: { complaints } }: Context): ReadonlyArray<Task> => {
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
          const message = `"${node.value}" is the name of more than one task (ids ${id}, ${other})`
          complaints.add(node, "ambiguous-name", message)
        }
        return id ?? node.value
      })
    }
  })
}

/** A file's name without folder and ending. */
const stem = (file: string | undefined): string | undefined => {
  const name = file?.slice(folderOf(file).length).replace(/(?<=.)\.[^.]*$/, "")
  return name === "" || name === "-" ? undefined : name
}
