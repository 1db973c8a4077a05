/**
 * What is wrong with one document: every complaint with its place, in the text while it is read (`Complaints`), and in
 * the canonical workflow when it is checked (`collector`).
 */
import type { Diagnostic } from "./Diagnostic.ts"
import { type Place, positions, type Position } from "./Position.ts"
import type { CanonicalPath, Parsed } from "./WorkflowFile.ts"

export interface More {
  /** What was probably meant. */
  readonly suggestion?: string | undefined
  /** Default `error`. */
  readonly severity?: Diagnostic["severity"]
}

export class Complaints {
  readonly diagnostics: Array<Diagnostic> = []
  /** Of a document without text every place is 1:1. */
  readonly position: (offset: number) => Position
  readonly #file: string | undefined

  constructor(text: string, file: string | undefined) {
    this.position = positions(text)
    this.#file = file
  }

  get failed(): boolean {
    return this.diagnostics.some(({ severity }) => severity === "error")
  }

  /** `code` is a word for machines. The path of a place, where it has one, stands before the message. */
  add({ path, start }: Pick<Place, "start" | "path">, code: string, message: string, more: More = {}): void {
    const { line, column } = this.position(start)
    const { severity = "error", suggestion } = more
    this.diagnostics.push({
      ...(this.#file === undefined ? {} : { file: this.#file }),
      line,
      column,
      severity,
      code,
      message: path === undefined || path === "" ? message : `${path}: ${message}`,
      ...(suggestion === undefined ? {} : { suggestion })
    })
  }
}

/** In the order of the document, each once; those of the file `first` before those of others. */
export const sorted = (diagnostics: ReadonlyArray<Diagnostic>, first?: string): ReadonlyArray<Diagnostic> => {
  const known = new Set<string>()
  const files = new Map([[first, 0]])
  for (const { file } of diagnostics) if (!files.has(file)) files.set(file, files.size)
  const rank = ({ file }: Diagnostic) => files.get(file) ?? 0
  return diagnostics
    .filter(({ column, file = "", line, message }) => {
      const key = `${file}:${line}:${column}:${message}`
      return !known.has(key) && known.add(key)
    })
    .toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
}

export interface At {
  readonly path: CanonicalPath
  /** Inside the string that stands there. */
  readonly offset?: number
  /** The key and not the value. */
  readonly key?: boolean
}

/** `code` is a word for machines. */
export type Say = (at: At, code: string, message: string, more?: More) => void

export const collector =
  ({ file, locate, locateKey }: Parsed, into: Array<Diagnostic>): Say =>
  (at, code, message, { severity = "error", suggestion } = {}) => {
    const spot = at.key === true && locateKey !== undefined ? locateKey(at.path) : locate(at.path, at.offset)
    const path = spot.path ?? (locateKey === undefined ? named(at.path) : "")
    const where = spot.file ?? file
    into.push({
      ...(where === undefined ? {} : { file: where }),
      line: spot.line,
      column: spot.column,
      severity,
      code,
      message: path === "" ? message : `${path}: ${message}`,
      ...(suggestion === undefined ? {} : { suggestion })
    })
  }

// internal

const named = (path: CanonicalPath): string =>
  path.map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)).join("")
