/** What a run is going to ask for and is not there, with who needs it and where the document says so. */
import type { TaskPath } from "./Task.ts"
import type { CanonicalPath, Parsed } from "./WorkflowFile.ts"

export interface Missing {
  readonly kind: (typeof kinds)[number]
  readonly name: string
  /** Those that need it, in the order of the document; empty: it is declared and nobody uses it. */
  readonly tasks: ReadonlyArray<TaskPath>
  /** Of the first place that asks for it, from 1; absent for a document without places. */
  readonly line?: number
  readonly column?: number
  /** Where that is in another file than the workflow's own. */
  readonly file?: string
  /** What is the case, and what would help. Never a value. */
  readonly reason: string
}

/** In the order in which they are told. */
export const kinds = ["input", "provider", "method", "model", "secret", "env", "file"] as const

export interface Where {
  readonly task?: TaskPath
  /** In the canonical workflow. */
  readonly at: CanonicalPath
  readonly offset?: number
}

/** Collects what is missing: each thing once, with all who need it. */
export class Inventory {
  readonly #found = new Map<string, Missing>()
  readonly #locate: Parsed["locate"] | undefined

  constructor(locate: Parsed["locate"] | undefined) {
    this.#locate = locate
  }

  lacks(kind: Missing["kind"], name: string, reason: string, { at, offset, task }: Where): void {
    const key = `${kind} ${name}`
    const known = this.#found.get(key)
    const more = task === undefined || known?.tasks.includes(task) === true ? [] : [task]
    if (known !== undefined) {
      if (more.length > 0) this.#found.set(key, { ...known, tasks: [...known.tasks, ...more] })
      return
    }
    const spot = this.#locate?.(at, offset)
    const place =
      spot === undefined || spot.path !== undefined
        ? {}
        : { line: spot.line, column: spot.column, ...(spot.file === undefined ? {} : { file: spot.file }) }
    this.#found.set(key, { kind, name, tasks: more, ...place, reason })
  }

  get all(): ReadonlyArray<Missing> {
    return [...this.#found.values()].toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
  }
}
