/** What SQLite and the file system report, as a `StoreError` that says what would help. */
import { Errors } from "@gleitzeit/core"

/** A failure that this package found itself, with its remedy. */
export class Refusal extends Error {
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Only a busy file is worth another try. */
export const toStoreError = (operation: string, filename: string, cause: unknown): Errors.StoreError => {
  const code = codeOf(cause)
  const hint = cause instanceof Refusal ? cause.hint : hints[code]?.(filename)
  return new Errors.StoreError({
    operation,
    retryable: code === busy || code === locked,
    cause,
    ...(hint === undefined ? {} : { hint })
  })
}

/** The run that an event names is gone. */
export const isForeignKey = (cause: unknown): boolean =>
  cause instanceof Error && "errcode" in cause && cause.errcode === 787

// internal

// @see https://www.sqlite.org/rescode.html
const busy = 5
const locked = 6

/** SQLite's primary result code, or the name of a system error. */
const codeOf = (cause: unknown): number | string => {
  if (!(cause instanceof Error)) return ""
  if ("errcode" in cause && typeof cause.errcode === "number") return cause.errcode & 0xff
  return "code" in cause && typeof cause.code === "string" ? cause.code : ""
}

const mayWrite = (file: string) => `whoever runs this must be allowed to write to ${file} and to its folder`
const makeRoom = (file: string) => `make room on the disk of ${file}; what was recorded before is safe`
const nameAnother = (file: string) => `move ${file} away, or name another file`

const hints: { readonly [code: number | string]: (file: string) => string } = {
  [busy]: (file) => `another process has been writing to ${file} all the time; try again`,
  [locked]: (file) => `another process has been writing to ${file} all the time; try again`,
  8: mayWrite,
  10: (file) => `the disk of ${file} refused; see that it has room and works; what was recorded before is safe`,
  11: (file) => `keep ${file} as it is, and save what is in it with: sqlite3 ${file} .recover`,
  13: makeRoom,
  14: mayWrite,
  26: nameAnother,
  EACCES: mayWrite,
  EPERM: mayWrite,
  EROFS: mayWrite,
  EISDIR: nameAnother,
  ENOTDIR: (file) => `a part of the path ${file} is no folder; name another file`,
  EEXIST: (file) => `a part of the path ${file} is no folder; name another file`,
  ENOSPC: makeRoom
}
