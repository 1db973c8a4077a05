/** What is wrong with one document, collected while it is read: every complaint with its place. */
import type { Diagnostic } from "./Diagnostic.ts"
import { type Place, positions, type Position } from "./Position.ts"

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

/** In the order of the document, each once. */
export const sorted = (diagnostics: ReadonlyArray<Diagnostic>): ReadonlyArray<Diagnostic> => {
  const known = new Set<string>()
  return diagnostics
    .filter(({ column, line, message }) => {
      const key = `${line}:${column}:${message}`
      return !known.has(key) && known.add(key)
    })
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
}
