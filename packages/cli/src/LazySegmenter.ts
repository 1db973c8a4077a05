/**
 * Stands in for `Intl.Segmenter` in the bundle: making one loads language data for 10 ms, and effect's command-line
 * modules make one as they are loaded, long before anybody measures a text.
 */

const Native = globalThis.Intl["Segmenter"]

export class LazySegmenter {
  readonly #args: ConstructorParameters<typeof Native>
  #native: Intl.Segmenter | undefined

  constructor(...args: ConstructorParameters<typeof Native>) {
    this.#args = args
  }

  segment(text: string): Intl.Segments {
    return (this.#native ??= new Native(...this.#args)).segment(text)
  }
}
