/** How the Python side and this one talk: frames of four bytes of length and JSON. What comes is not trusted. */
import { Result, type Schema } from "effect"

export const frame = (value: Schema.Json): Uint8Array => {
  const text = Buffer.from(JSON.stringify(value))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

/** Puts frames together. */
export class Frames<A> {
  readonly #decode: (text: string) => Result.Result<A, unknown>
  readonly #limit: number
  #part = part(4)
  #isLength = true

  /** `limit`: bytes of one frame. */
  constructor(decode: (text: string) => Result.Result<A, unknown>, limit: number) {
    this.#decode = decode
    this.#limit = limit
  }

  /** What is complete with this. Fails with what is wrong; nothing that follows can be read then. */
  push(bytes: Uint8Array): Result.Result<ReadonlyArray<A>, string> {
    const complete: Array<A> = []
    let rest = bytes
    while (rest.length > 0) {
      rest = fill(this.#part, rest)
      const { bytes: whole, filled } = this.#part
      if (filled < whole.length) break
      if (this.#isLength) {
        const length = whole.readUInt32BE(0)
        // no JSON is empty
        if (length === 0 || length > this.#limit) return Result.fail(`a frame of ${length} bytes`)
        this.#part = part(length)
      } else {
        const decoded = this.#decode(whole.toString("utf8"))
        if (Result.isFailure(decoded)) return Result.fail("a frame that is no report")
        complete.push(decoded.success)
        this.#part = part(4)
      }
      this.#isLength = !this.#isLength
    }
    return Result.succeed(complete)
  }
}

// internal

/** Room for so many bytes that are waited for. */
interface Part {
  readonly bytes: Buffer
  filled: number
}

// what is not filled is never read
const part = (size: number): Part => ({ bytes: Buffer.allocUnsafe(size), filled: 0 })

/** What does not fit is left. */
const fill = (part: Part, bytes: Uint8Array): Uint8Array => {
  const taken = bytes.subarray(0, part.bytes.length - part.filled)
  part.bytes.set(taken, part.filled)
  part.filled += taken.length
  return bytes.subarray(taken.length)
}
