/** As much of a terminal as frames need: it holds what was written to it, line by line, and wraps what is too wide. */
export class Terminal {
  readonly columns: number
  readonly lines: Array<string> = [""]
  cursor = true
  #row = 0
  #column = 0

  constructor(columns: number) {
    this.columns = columns
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex -- a terminal lives on control characters
    for (const [part] of text.matchAll(/\u001B\[[?\d;]*[A-Za-z]|[^\u001B]/gu)) this.#put(part)
  }

  /** What is on it, without empty lines at the end. */
  get shown(): string {
    return this.lines
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd()
  }

  #put(part: string): void {
    switch (part) {
      case "\r":
        this.#column = 0
        return
      case "\n":
        this.#row++
        this.#column = 0
        while (this.lines.length <= this.#row) this.lines.push("")
        return
      case "\u001B[K":
        // in the last column the cursor stands on what was just written
        this.lines[this.#row] = this.#line.slice(0, Math.min(this.#column, this.columns - 1))
        return
      case "\u001B[J":
      case "\u001B[0J":
        this.lines.length = this.#row + 1
        this.lines[this.#row] = this.#line.slice(0, this.#column)
        return
      case "\u001B[?25l":
      case "\u001B[?25h":
        this.cursor = part.endsWith("h")
        return
      default:
        return this.#other(part)
    }
  }

  #other(part: string): void {
    if (part.startsWith("\u001B")) {
      if (part.endsWith("A")) this.#row = Math.max(0, this.#row - Number(part.slice(2, -1)))
      else if (part.endsWith("G")) this.#column = Number(part.slice(2, -1)) - 1
      else if (!part.endsWith("m")) throw new Error(`the terminal does not know ${JSON.stringify(part)}`)
      return
    }
    if (this.#column >= this.columns) this.#put("\n")
    this.lines[this.#row] =
      this.#line.padEnd(this.#column).slice(0, this.#column) + part + this.#line.slice(this.#column + 1)
    this.#column++
  }

  get #line(): string {
    return this.lines[this.#row] ?? ""
  }
}
