/**
 * A file of lines that any number of processes of one host append to, on a local disk. Its order is the order for all of
 * them, so there is no lock. A line is whole or it is none: what a killed process or a full disk cut short is no JSON.
 */
import { Errors } from "@gleitzeit/core"
import { Effect, type Scope } from "effect"
import { closeSync, fdatasyncSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs"
import { dirname } from "node:path"

export interface Log {
  /** Adds a line at the end. After a failure it may be there or not. */
  readonly append: (text: string) => Effect.Effect<void, Errors.StoreError>
  /** The whole lines from a place on, in bytes, each with the place behind it. */
  readonly read: (from: number) => Effect.Effect<ReadonlyArray<readonly [text: string, end: number]>, Errors.StoreError>
}

/** Makes the file with its folder when missing (modes 0600 and 0700). `sync`: a line survives a power loss. */
export const open = (filename: string, sync: boolean): Effect.Effect<Log, Errors.StoreError, Scope.Scope> => {
  const hint = `${filename} must be a log of this store that you may write to, on a local disk with room`
  const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, Errors.StoreError> =>
    Effect.try({
      try: run,
      catch: (cause) => new Errors.StoreError({ operation, retryable: false, cause, hint })
    })

  const opened = attempt("open", () => {
    mkdirSync(dirname(filename), { recursive: true, mode: 0o700 })
    const file = openSync(filename, "a+", 0o600)
    const found = bytesOf(file, 0, head.length).toString()
    if (!head.startsWith(found)) throw new Error(`it begins with ${JSON.stringify(found)}, not ${JSON.stringify(head)}`)
    return file
  })

  return Effect.map(
    Effect.acquireRelease(opened, (file) => Effect.sync(() => closeSync(file))),
    (file) => ({
      append: (text) =>
        attempt("commit", () => {
          const bytes = Buffer.from(`${head}${text}\n`)
          // one write: nobody else's comes in between
          if (writeSync(file, bytes) < bytes.length) throw new Error("the disk took only a part of the line")
          if (sync) fdatasyncSync(file)
        }),
      read: (from) => attempt("read", () => linesOf(bytesOf(file, from), from))
    })
  )
}

// internal

/** Stands before every line, and spoils what was cut short before it. The number is that of the layout. */
const head = "#1\n"

const bytesOf = (file: number, from: number, atMost = Infinity): Buffer => {
  const { nlink, size } = fstatSync(file)
  if (nlink === 0) throw new Error("the file was deleted")
  const bytes = Buffer.alloc(Math.min(size - from, atMost))
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from))
}

const linesOf = (bytes: Buffer, from: number) => {
  const lines: Array<readonly [text: string, end: number]> = []
  for (let start = 0, end = bytes.indexOf("\n"); end >= 0; start = end + 1, end = bytes.indexOf("\n", start)) {
    lines.push([bytes.toString("utf8", start, end), from + end + 1])
  }
  return lines
}
