/** A text that a configuration names. */
import { Result } from "effect"
import { readFileSync, statSync } from "node:fs"

/** At most 10 MB of UTF-8. The failure says why there is none: `there is no such file`. */
export const read = (path: string): Result.Result<string, string> => {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return Result.fail(missing)
    if (!found.isFile()) return Result.fail("is no regular file")
    if (found.size > largest) return Result.fail(`has ${found.size} bytes, more than the ${largest} that are read`)
    return Result.succeed(new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)))
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return Result.fail("is not text in UTF-8")
    return Result.fail(code === "EACCES" ? "may not be read by this user" : `cannot be read (${String(code)})`)
  }
}

/** Why there is no text where there is no file. */
export const missing = "there is no such file"

// internal

const largest = 10_000_000
