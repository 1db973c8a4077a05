/** Decisions drawn from a list of numbers, so that whatever a model check builds of them shrinks with the list. */
import { Schema } from "effect"

/** What a property asks for. */
export const Numbers = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 })))

export class Choices {
  readonly #numbers: ReadonlyArray<number>
  #used = 0

  constructor(numbers: ReadonlyArray<number>) {
    this.#numbers = numbers
  }

  /** From 0, smaller than `n`. Past the end of the list the decisions are mixed from those in it. */
  below(n: number): number {
    const at = this.#used++
    const { length } = this.#numbers
    if (length === 0) return 0
    const number = this.#numbers[at % length]!
    return at < length ? number % n : ((Math.imul(number + at + 1, 0x9e3779b1) >>> 0) >>> 8) % n
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === n - 1
  }

  /** One of some, taken out of the list. */
  take<A>(items: Array<A>): A {
    return items.splice(this.below(items.length), 1)[0]!
  }
}
