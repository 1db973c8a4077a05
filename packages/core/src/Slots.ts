/** How many tasks are under way at once in this process. Runs that find no slot stand in line and take turns. */

/** A run that wants slots: called when one may be free. */
export interface Taker {
  readonly pump: () => void
}

export class Slots {
  #free: number
  readonly #line = new Set<Taker>()
  #serving = false

  constructor(limit: number) {
    this.#free = limit
  }

  /** False: there is none, and the taker stands in line. */
  take(taker: Taker): boolean {
    if (this.#free <= 0) {
      this.#line.add(taker)
      return false
    }
    this.#free--
    return true
  }

  give(): void {
    this.#free++
    if (this.#serving) return
    this.#serving = true
    for (const taker of this.#line) {
      if (this.#free <= 0) break
      this.#line.delete(taker)
      taker.pump()
    }
    this.#serving = false
  }

  /** One that was given back for a while is held again, be there one or not. */
  retake(): void {
    this.#free--
  }

  /** The taker wants no slot any more. */
  leave(taker: Taker): void {
    this.#line.delete(taker)
  }
}
