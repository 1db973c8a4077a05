/**
 * The texts that a workflow is put together from: the document itself, and the files that its nested workflows are in.
 * How paths lead from one to another, and which of them a document names; what they mean is `DocumentFile`.
 */
import { Complaints } from "./Complaints.ts"
import * as JsonText from "./JsonText.ts"
import { type Mapping, maxLength, type Node } from "./Position.ts"
import * as Spelling from "./Spelling.ts"
import type { Source } from "./WorkflowFile.ts"
import * as YamlText from "./YamlText.ts"

/** One text as a tree. */
export interface Sheet {
  /** Empty where the document is a value. */
  readonly text: string
  /** As it is given to people. */
  readonly file: string | undefined
  /** `undefined`: it cannot be read, which is a complaint. */
  readonly root: Node | undefined
  /** Of syntax first; whoever reads the tree adds to them. */
  readonly complaints: Complaints
}

/** The files of nested workflows by their names, or why one is not there. */
export type Library = ReadonlyMap<string, Sheet | string>

/** Never throws. */
export const open = ({ file, text: written }: Source): Sheet => {
  const text = written.replace(/^\uFEFF/, "")
  if (text.length > maxLength) {
    const complaints = new Complaints("", file)
    const message = `the document has ${text.length} characters, more than the ${maxLength} allowed: a \`foreach\` says what many tasks say`
    complaints.add({ start: 0 }, "too-large", message)
    return { text: "", file, root: undefined, complaints }
  }
  const complaints = new Complaints(text, file)
  const root = file?.toLowerCase().endsWith(".json") ? JsonText.read(text, complaints) : YamlText.read(text, complaints)
  if (root === undefined && !complaints.failed)
    complaints.add({ start: 0 }, "empty", `the document is empty, ${expected}`)
  return { text, file, root, complaints }
}

/** What a document is, for messages. */
export const expected = "expected a workflow, a mapping with `name` and `tasks`"

/** The folder of a file, as the file is written: `flows/` of `flows/a.yaml`. Empty: the current one. */
export const folderOf = (file: string | undefined): string => /^.*[/\\]/s.exec(file ?? "")?.[0] ?? ""

/** What a file is called that another names by a path: `flows/b.yaml` is `./b.yaml` of `flows/a.yaml`. */
export const nameOf = (from: string | undefined, path: string): string => {
  const whole = /^(?:[/\\]|[A-Za-z]:[/\\])/.test(path) ? path : folderOf(from) + path
  const parts: Array<string> = []
  for (const part of whole.split(/[/\\]/)) {
    const last = parts.at(-1)
    if (part === ".." && last !== undefined && last !== ".." && !isRoot(last)) parts.pop()
    else if (part !== "." && (part !== "" || parts.length === 0)) parts.push(part)
  }
  return parts.join("/")
}

/** The path of a named file from a folder that it lies in, else undefined. */
export const inside = (folder: string, name: string): string | undefined => {
  const start = folder === "" ? "" : `${nameOf(undefined, folder)}/`
  const isOutside = !name.startsWith(start) || (start === "" && /^(?:\.\.)?\/|^\.\.$|^[A-Za-z]:\//.test(name))
  return isOutside ? undefined : name.slice(start.length)
}

/** Paths of files that the nested workflows of a tree name, however deep they stand in it. */
export const named = (node: Node): ReadonlyArray<string> => {
  const tasks = node.kind === "mapping" ? node.entries.get("tasks")?.value : node
  return tasks?.kind !== "list" ? [] : tasks.items.flatMap((task) => (task.kind === "mapping" ? namedBy(task) : []))
}

// internal

const namedBy = (task: Mapping): ReadonlyArray<string> => {
  const nested = Spelling.entryOf(task, "workflow", Spelling.task)?.value
  if (nested === undefined) return []
  if (nested.kind !== "scalar") return named(nested)
  return typeof nested.value === "string" && nested.value !== "" ? [nested.value] : []
}

/** `/`, or a drive. */
const isRoot = (part: string): boolean => part === "" || /^[A-Za-z]:$/.test(part)
