/** Bytes that come in pieces, in one place: what comes byte by byte takes no more room than what comes at once. */
export class Bytes {
  #room: Buffer = nothing
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A copy: the piece may be used for something else afterwards. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.byteLength
    if (size > this.#room.byteLength) {
      const room = Buffer.allocUnsafe(Math.max(size, 2 * this.#room.byteLength))
      this.#room.copy(room, 0, 0, this.#size)
      this.#room = room
    }
    this.#room.set(piece, this.#size)
    this.#size = size
  }

  /** All of them; there are none afterwards. */
  take(): Buffer {
    const all = this.#room.subarray(0, this.#size)
    this.#room = nothing
    this.#size = 0
    return all
  }
}

// internal

const nothing: Buffer = Buffer.alloc(0)
