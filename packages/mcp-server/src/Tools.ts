/** The workflows of a folder as tools: each under a name that every client takes, with schemas and hints. */
import { type Contract, Diagnostic, type Errors, type Failure, Gleitzeit, type Workflow } from "@gleitzeit/core"
import type { Tool } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { basename, resolve } from "node:path"
import * as Answer from "./Answer.ts"
import * as Folder from "./Folder.ts"
import * as Signature from "./Signature.ts"

export interface WorkflowTool {
  /** 1 to 64 of letters, digits, `_` and `-`, and nobody else's: of the file's name, numbered where two would be one. */
  readonly name: string
  readonly file: string
  /** Absolute: what the workflow's paths are relative to. */
  readonly folder: string
  readonly workflow: Workflow.Workflow
  readonly definition: Tool
}

/** A file that is no tool, and why: lines as `check` prints them. */
export interface Broken {
  readonly file: string
  readonly issues: ReadonlyArray<string>
}

export interface Shelf {
  readonly tools: ReadonlyArray<WorkflowTool>
  readonly broken: ReadonlyArray<Broken>
}

/** A folder to look into, whenever somebody asks. */
export interface Library {
  readonly all: Effect.Effect<Shelf, Unread, Gleitzeit.Gleitzeit>
  /** The one of that name alone, which is what a call needs; `undefined`: there is none. */
  readonly one: (name: string) => Effect.Effect<WorkflowTool | Broken | undefined, Unread, Gleitzeit.Gleitzeit>
}

export type Unread = Errors.FileUnreadable | Failure.Failure

/** `taken`: names of other tools. */
export const library = (folder: string, taken: Iterable<string>): Library => ({
  all: read(folder, taken),
  one: Effect.fnUntraced(function* (name) {
    const { named } = yield* look(folder, taken)
    const source = named.find((source) => source.tool === name)
    return source && (yield* check(folder, source))
  })
})

/** Read and checked again with each look. A broken file does not hide the others. `taken`: names of other tools. */
export const read = Effect.fn("Tools.read")(function* (
  folder: string,
  taken: Iterable<string>
): Effect.fn.Return<Shelf, Unread, Gleitzeit.Gleitzeit> {
  const { named, unreadable } = yield* look(folder, taken)
  const tools: Array<WorkflowTool> = []
  const broken: Array<Broken> = unreadable.map(({ file, issue }) => ({ file, issues: [issue] }))
  for (const source of named) {
    const checked = yield* check(folder, source)
    if ("issues" in checked) broken.push(checked)
    else tools.push(checked)
  }
  return { tools, broken }
})

/** The one that is meant: by its tool's name, by its own name, or by its file. */
export const find = (library: Library, written: string): ReturnType<Library["one"]> =>
  Effect.flatMap(library.one(written), (named) =>
    named !== undefined
      ? Effect.succeed(named)
      : Effect.map(library.all, ({ broken, tools }) => {
          const isMeant = ({ file }: Broken | WorkflowTool) => file === written || basename(file) === written
          return tools.find(({ workflow }) => workflow.name === written) ?? tools.find(isMeant) ?? broken.find(isMeant)
        })
  )

// internal

interface Named extends Folder.Source {
  /** The name of its tool, which stays with it while it is broken. */
  readonly tool: string
}

const look = (folder: string, taken: Iterable<string>) =>
  Effect.map(Folder.read(folder), ({ sources, unreadable }) => {
    const names = new Set(taken)
    const named = sources.map((source): Named => {
      const tool = nameOf(source.name, names)
      names.add(tool)
      return { ...source, tool }
    })
    return { named, unreadable }
  })

const check = Effect.fnUntraced(function* (
  folder: string,
  { file, text, tool: name }: Named
): Effect.fn.Return<WorkflowTool | Broken, Failure.Failure, Gleitzeit.Gleitzeit> {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { diagnostics, workflow } = yield* gleitzeit.check({ text, file })
  if (workflow === undefined) return { file, issues: diagnostics.map(Diagnostic.format) }
  const definition = definitionOf(name, workflow, yield* gleitzeit.contracts)
  return { name, file, folder: resolve(folder), workflow, definition }
})

const longest = 64

const nameOf = (fileName: string, taken: ReadonlySet<string>): string => {
  const stem = fileName.replace(/\.[^.]*$/, "")
  const plain = stem.replaceAll(/[^A-Za-z0-9_-]+/g, "_").replaceAll(/^_+|_+$/g, "") || "workflow"
  let name = plain.slice(0, longest)
  for (let n = 2; taken.has(name); n++) {
    const suffix = `_${n}`
    name = plain.slice(0, longest - suffix.length) + suffix
  }
  return name
}

const definitionOf = (
  name: string,
  workflow: Workflow.Workflow,
  contracts: ReadonlyArray<Contract.Contract>
): Tool => ({
  name,
  title: workflow.name,
  description: workflow.description ?? `Runs the workflow "${workflow.name}".`,
  // Safe: these are JSON Schemas of objects, as the protocol's own type says.
  inputSchema: Signature.inputs(workflow) as Tool["inputSchema"],
  outputSchema: Answer.schema(Signature.outputs(workflow, contracts)) as Tool["outputSchema"],
  annotations: { title: workflow.name, ...Signature.hints(workflow, contracts) }
})
