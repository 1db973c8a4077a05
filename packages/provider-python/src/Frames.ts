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
  #chunks: Array<Uint8Array> = []
  #size = 0

  /** `limit`: bytes of one frame. */
  constructor(decode: (text: string) => Result.Result<A, unknown>, limit: number) {
    this.#decode = decode
    this.#limit = limit
  }

  /** What is complete with this. Fails with what is wrong; nothing that follows can be read then. */
  push(bytes: Uint8Array): Result.Result<ReadonlyArray<A>, string> {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    const complete: Array<A> = []
    while (this.#size >= 4) {
      const length = this.#join(4).readUInt32BE(0)
      if (length > this.#limit) return Result.fail(`a frame of ${length} bytes`)
      if (this.#size < 4 + length) break
      const all = this.#join(4 + length)
      const decoded = this.#decode(all.toString("utf8", 4, 4 + length))
      if (Result.isFailure(decoded)) return Result.fail("a frame that is no report")
      complete.push(decoded.success)
      this.#chunks = [all.subarray(4 + length)]
      this.#size -= 4 + length
    }
    return Result.succeed(complete)
  }

  /** The first chunk, with at least so many bytes. Chunks are put together only when the frame is whole. */
  #join(bytes: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= bytes) return Buffer.from(first.buffer, first.byteOffset, first.length)
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}
