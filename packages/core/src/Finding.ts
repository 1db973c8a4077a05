/** A complaint about a place of a canonical workflow, on its way to be a diagnostic with line and column. */
import type { More } from "./Complaints.ts"
import type { Diagnostic } from "./Diagnostic.ts"
import type { CanonicalPath, Parsed } from "./WorkflowFile.ts"

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
    into.push({
      ...(file === undefined ? {} : { file }),
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
