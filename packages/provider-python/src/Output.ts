/**
 * What a process writes to one stream: kept as text up to a limit, the middle left out beyond it, and told line by
 * line while it comes. Bytes that are no UTF-8 become U+FFFD.
 */
export class Output {
  readonly #half: number
  readonly #decoder = new TextDecoder()
  #head = ""
  #tail = ""
  #left = 0
  #told = 0
  #line = ""

  /** `limit`: characters kept, and characters told. */
  constructor(limit: number) {
    this.#half = Math.ceil(limit / 2)
  }

  /** The lines that are complete with this, without empty ones. Nothing more once the limit is reached. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    return this.#add(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What is left when the stream has ended. */
  end(): ReadonlyArray<string> {
    const lines = this.#add(this.#decoder.decode())
    const rest = this.#line
    this.#line = ""
    return rest === "" ? lines : [...lines, rest]
  }

  get truncated(): boolean {
    return this.#left > 0 || this.#tail.length > this.#half
  }

  get text(): string {
    this.#cut(this.#half)
    return this.#left === 0
      ? this.#head + this.#tail
      : `${this.#head}\n… ${this.#left} characters left out …\n${this.#tail}`
  }

  /** The last characters: what is written last matters most when something fails. */
  last(characters: number): string {
    const { text } = this
    return text.length > characters ? `…${text.slice(-characters)}` : text
  }

  #add(text: string): ReadonlyArray<string> {
    const room = this.#half - this.#head.length
    this.#head += text.slice(0, room)
    this.#tail += text.slice(room)
    // seldom, so that a long stream is not copied again and again
    if (this.#tail.length > 2 * this.#half) this.#cut(this.#half)
    return this.#lines(text)
  }

  #cut(length: number): void {
    if (this.#tail.length <= length) return
    this.#left += this.#tail.length - length
    this.#tail = this.#tail.slice(-length)
  }

  #lines(text: string): ReadonlyArray<string> {
    if (this.#told > 2 * this.#half) return []
    this.#told += text.length
    const lines = (this.#line + text).split(/\r\n|\r|\n/)
    this.#line = lines.pop() ?? ""
    if (this.#line.length > longest) {
      lines.push(this.#line)
      this.#line = ""
    }
    return lines.filter((line) => line !== "")
  }
}

/** Characters of a line that are waited for. */
const longest = 8192
