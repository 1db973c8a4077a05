/**
 * Text, or a value, to a workflow in its one inner form, or to complaints with their places. Reads what the document
 * itself says; what can be called, and whether references lead anywhere, is `Check`.
 */
import { Effect, Result } from "effect"
import { Complaints, sorted } from "./Complaints.ts"
import type { Diagnostic } from "./Diagnostic.ts"
import * as DocumentFile from "./DocumentFile.ts"
import type { FileUnreadable } from "./Errors.ts"
import * as Library from "./Library.ts"
import * as Places from "./Places.ts"
import { type Entry, fromValue as treeOf, inside, maxLength, type Node, type Position } from "./Position.ts"
import type { Workflow } from "./Workflow.ts"

export interface Source {
  /** YAML, or JSON, which is YAML too. */
  readonly text: string
  /** As it is given to people. One that ends in `.json` must be JSON. */
  readonly file?: string
}

/** `path` names the place in a document that has no text: line and column are 1 then. */
export interface Spot extends Position {
  readonly path?: string
  /** Where it is in another file, that of a nested workflow. */
  readonly file?: string
}

export type CanonicalPath = ReadonlyArray<string | number>

export interface Parsed {
  /** `undefined` when there are errors. */
  readonly workflow: Workflow | undefined
  /** Those of files that it names among them. */
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
  /**
   * Tasks whose method or params could not be read, by their numbers (from 0) from the outermost in: `2`, or `2/0` for
   * the first task of the workflow that is nested in the third.
   */
  readonly broken: ReadonlySet<string>
}

/**
 * Never throws. All mistakes at once, but for those of syntax, behind which nothing can be trusted. Reads no files: a
 * nested workflow that is in one is a mistake here.
 */
export const parse = (source: Source): Parsed => read(Library.open(source), new Map())

/** A document given as a value (TypeScript object, JSON-RPC): positions are 1:1 and messages name the path. */
export const fromValue = (value: unknown): Parsed => {
  const complaints = new Complaints("", undefined)
  return read({ text: "", file: undefined, root: treeOf(value, complaints), complaints }, new Map())
}

/** Files of nested workflows that a document may name, those that they name included. */
export const maxFiles = 1000

/**
 * `parse`, with the files that nested workflows are in. Each is read once, from the document's own folder where it lies
 * in that, else from the folder of the file that names it. One that cannot be read is a mistake of the document.
 */
export const load = (
  source: Source,
  readText: (folder: string, path: string) => Effect.Effect<string, FileUnreadable>
): Effect.Effect<Parsed> =>
  Effect.gen(function* () {
    const main = Library.open(source)
    const home = Library.folderOf(source.file)
    const library = new Map<string, Library.Sheet | string>()
    let left = maxLength
    // grows while it is walked
    const sheets = [{ ...main, depth: 0 }]
    for (const { depth, file, root } of sheets) {
      // what is deeper has a complaint of its own
      for (const path of root === undefined || depth === DocumentFile.maxNesting ? [] : Library.named(root)) {
        const name = Library.nameOf(file, path)
        if (library.has(name) || path.includes("${")) continue
        if (left < 0 || sheets.length > maxFiles) {
          library.set(name, `nested workflows are in at most ${maxFiles} files with ${maxLength} characters in all`)
          continue
        }
        const inner = Library.inside(home, name)
        const reading = inner === undefined ? readText(Library.folderOf(file), path) : readText(home, inner)
        const text = yield* Effect.result(reading)
        if (Result.isFailure(text)) {
          library.set(name, text.failure.message)
          continue
        }
        left -= text.success.length
        const sheet = Library.open({ text: text.success, file: name })
        library.set(name, sheet)
        sheets.push({ ...sheet, depth: depth + 1 })
      }
    }
    return read(main, library)
  })

// internal

const read = (main: Library.Sheet, library: Library.Library): Parsed => {
  const { file } = main
  const document = DocumentFile.read(main, library)
  const others = [...library.values()].filter((sheet) => typeof sheet !== "string")
  const diagnostics = sorted(
    [main, ...others].flatMap(({ complaints }) => complaints.diagnostics),
    file
  )
  const failed = diagnostics.some(({ severity }) => severity === "error")
  const named = file === undefined ? {} : { file }
  if (document === undefined) {
    return { workflow: undefined, diagnostics, locate: () => ({ line: 1, column: 1 }), ...named }
  }
  const { workflow } = document
  const spot = ({ path, start }: Node | Entry["key"], { complaints, ...sheet }: Library.Sheet): Spot => ({
    ...complaints.position(start),
    ...(path === undefined ? {} : { path }),
    ...(sheet.file === undefined || sheet.file === file ? {} : { file: sheet.file })
  })
  return {
    workflow: failed ? undefined : workflow,
    diagnostics,
    locate: (path, offset) => {
      const { exact, node, sheet } = Places.find(document, path)
      if (offset === undefined || !exact || node.kind !== "scalar" || node.path !== undefined) return spot(node, sheet)
      return spot({ start: inside(sheet.text, node, offset), end: 0 }, sheet)
    },
    locateKey: (path) => {
      const { key, sheet } = Places.find(document, path)
      return spot(key, sheet)
    },
    ...named,
    ...(workflow === undefined ? {} : { draft: { workflow, broken: new Set(broken(document)) } })
  }
}

const broken = ({ tasks }: DocumentFile.Document): ReadonlyArray<string> =>
  tasks.flatMap((task, number) => [
    ...(task.broken ? [String(number)] : []),
    ...(task.nested === undefined ? [] : broken(task.nested).map((inner) => `${number}/${inner}`))
  ])
