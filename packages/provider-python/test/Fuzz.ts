/**
 * Programs with references in all kinds of places, and what each of them gives. Only what is put together here is
 * source; the values are made to break out.
 */
import type { Schema } from "effect"
import { bound } from "./Tasks.ts"

export interface Case extends ReturnType<typeof bound> {
  /** What the program collects; a text: the reference that its error names. */
  readonly expected: ReadonlyArray<Schema.Json> | string
}

/** `seed`: the same cases each time; `minor`: of the version of Python 3 that runs them. */
export const cases = (count: number, seed: number, minor: number): ReadonlyArray<Case> => {
  const dice = new Dice(seed)
  return Array.from({ length: count }, () => program(dice, minor))
}

// internal

class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** An integer from 0 to below `sides`. */
  throw(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }

  of<A>(all: readonly [A, ...ReadonlyArray<A>]): A {
    return all[this.throw(all.length)] ?? all[0]
  }

  many<A>(most: number, make: () => A): ReadonlyArray<A> {
    return Array.from({ length: this.throw(most + 1) }, make)
  }
}

const wild = [
  `"`,
  `'`,
  `"""`,
  "'''",
  "\\",
  "\n",
  "\r",
  "\r\n",
  "\t",
  " ",
  "{",
  "}",
  "{{x}}",
  "{0!r:>9}",
  "${a}",
  "${",
  "$",
  "#",
  "%s",
  "%(a)s",
  "\0",
  "é",
  "\u2028",
  "\u0085",
  "🦊",
  "_",
  "x",
  ")",
  "]",
  ";",
  "\\N{DASH}",
  "\\x41",
  "__import__('os').abort()",
  "raise SystemExit(9)",
  "result = 1",
  "import os",
  "lambda: 0"
] as const

const wildText = (dice: Dice) => dice.many(6, () => dice.of(wild)).join("")

const json = (dice: Dice, depth: number): Schema.Json => {
  switch (dice.throw(depth > 0 ? 8 : 6)) {
    case 0:
      return dice.throw(2000) - 1000
    case 1:
      return (dice.throw(2000) - 1000) / 8 + 1 / 16
    case 2:
      return dice.throw(2) === 0
    case 3:
      return null
    case 6:
      return dice.many(3, () => json(dice, depth - 1))
    case 7:
      return Object.fromEntries(dice.many(3, () => [wildText(dice), json(dice, depth - 1)]))
    default:
      return wildText(dice)
  }
}

/** A reference, and what it stands for. */
interface Given {
  readonly raw: string
  readonly value: Schema.Json
}

const names = ["a", "b", "ab", "t.result", "Load Data.result", "größe", "t[0].x", "a ?? 'b'", "🦊.tail"] as const

/** In a text: itself, or its JSON. */
const textOf = ({ value }: Given) => (typeof value === "string" ? value : JSON.stringify(value))

interface Piece {
  readonly source: string
  readonly text: string
}

/** One literal, which is what it looks like; `isBytes`: of bytes. */
const literal = (dice: Dice, givens: ReadonlyArray<Given>, width: Given, isBytes: boolean): Piece => {
  const prefix = isBytes ? dice.of(["b", "B", "rb", "bR"]) : dice.of(["", "", "u", "r", "f", "F", "fr", "Rf"])
  const quote = dice.of([`"`, `'`, `"""`, `'''`])
  const isRaw = /r/i.test(prefix)
  const isFormatted = /f/i.test(prefix)
  const reference = (): Piece => {
    const given = givens[dice.throw(givens.length)] ?? width
    return { source: given.raw, text: textOf(given) }
  }
  const same = (source: string, text = source): Piece => ({ source, text })
  const plain = (): Piece => {
    switch (dice.throw(isFormatted ? 12 : 8)) {
      case 0:
        return same(dice.of(["abc", " ", "#", "%s", "$ ", "_", "0"]))
      case 1:
        return isRaw ? same("\\d") : same("\\n", "\n")
      case 2:
        return isRaw ? same("\\\\") : same("\\\\", "\\")
      case 3:
        return isBytes ? same("z") : same(dice.of(["é", "🦊", "ß"]))
      case 4:
        return isRaw ? same("\\x41") : same("\\x41", "A")
      case 5:
        return quote.length === 3 ? same("\n") : same(quote === `"` ? "'" : `"`)
      case 6: {
        // a backslash that escapes nothing: what follows is no part of it
        const { source, text } = reference()
        return same(`\\${source}`, `\\${text}`)
      }
      case 7: {
        const brace = dice.of(["{", "}"])
        return isFormatted ? same(brace + brace, brace) : same(brace)
      }
      case 8:
        return same("{k}", "7")
      case 9: {
        const { source } = reference()
        return same(`{len([${source}, ${source}])}`, "2")
      }
      case 10:
        return same(`{k:${width.raw}}`, "7".padStart(Number(width.value)))
      default: {
        const given = givens.find(({ value }) => typeof value === "string")
        return given === undefined ? same("{k!r}", "7") : same(`{${given.raw}}`, textOf(given))
      }
    }
  }
  const pieces = dice.many(5, () => (dice.throw(2) === 0 ? reference() : plain()))
  const all = [...pieces, same("x")]
  return {
    source: `${prefix}${quote}${all.map(({ source }) => source).join("")}${quote}`,
    text: all.map(({ text }) => text).join("")
  }
}

/** Lines of a program, each with what it may hold of line breaks inside of texts, and what they collect. */
interface Statement {
  readonly lines: ReadonlyArray<string>
  readonly expected: ReadonlyArray<Schema.Json>
}

const collect = (source: string, ...expected: ReadonlyArray<Schema.Json>): Statement => ({
  lines: [`out.append(${source})`],
  expected
})

const texts = (dice: Dice, givens: ReadonlyArray<Given>, width: Given): Statement => {
  const isBytes = dice.throw(4) === 0
  const parts = Array.from({ length: 1 + dice.throw(3) }, () => literal(dice, givens, width, isBytes))
  const source = parts.map(({ source }) => source).join(dice.of([" ", "", "  "]) || " ")
  const text = parts.map(({ text }) => text).join("")
  return collect(isBytes ? `(${source}).decode("utf-8", "surrogatepass")` : `(${source})`, text)
}

const expressions = (dice: Dice, givens: ReadonlyArray<Given>, width: Given): Statement => {
  const one = givens[dice.throw(givens.length)] ?? width
  const other = givens[dice.throw(givens.length)] ?? width
  const { raw, value } = one
  switch (dice.throw(14)) {
    case 0:
      return collect(raw, value)
    case 1:
      return collect(`[${raw},${other.raw}]`, [value, other.value])
    case 2:
      return collect(`{"k":${raw}}`, { k: value })
    case 3:
      return collect(`(lambda q=${raw}: q)()`, value)
    case 4:
      return collect(`[y for y in [${raw}] if y == ${raw}][0]`, value)
    case 5:
      return collect(`${raw} if ${raw} == ${raw} else 0`, value)
    case 6:
      return collect(`{${JSON.stringify("k")}: [${raw}]}["k"][0]`, value)
    case 7:
      return collect(`(z := ${raw})`, value)
    case 8:
      return collect(`(*[${raw}], ${other.raw})`, [value, other.value])
    case 9:
      return collect(`{**{"a": ${raw}}}`, { a: value })
    case 10:
      return { lines: [`z: ${raw} = ${other.raw}`, "out.append(z)"], expected: [other.value] }
    case 11:
      return {
        lines: ["def f(p=" + raw + ", *, q=" + other.raw + "):", "  return [p, q]", "out.append(f())"],
        expected: [[value, other.value]]
      }
    case 12:
      return {
        lines: ["class A:", `  n = ${raw}`, `  def m(self): return ${other.raw}`, "out.append([A.n, A().m()])"],
        expected: [[value, other.value]]
      }
    default:
      return { lines: [`for z in [${raw}]: out.append(z)  # ${other.raw}`], expected: [value] }
  }
}

const others = (dice: Dice, givens: ReadonlyArray<Given>, width: Given, minor: number): Statement => {
  const one = givens[dice.throw(givens.length)] ?? width
  const text = textOf(one)
  switch (dice.throw(4)) {
    case 0:
      return { lines: [`# ${one.raw} ${dice.of([`"`, "'", `"""`])}`], expected: [] }
    case 1:
      // 3.13 and later take the indentation of a docstring away
      return minor > 12
        ? { lines: [one.raw, `"${one.raw}"`], expected: [] }
        : { lines: ["def f():", `  "d${one.raw}"`, "out.append(f.__doc__)"], expected: [`d${text}`] }
    case 2:
      return minor < 10
        ? { lines: [`assert ${one.raw} == ${one.raw}, "${one.raw}"`], expected: [] }
        : {
            lines: [
              `match [${JSON.stringify("m")}, ${one.raw}, str("${one.raw}")]:`,
              `  case ["m", _, "${one.raw}"]: out.append(1)`,
              "  case _: out.append(2)"
            ],
            expected: [1]
          }
    default:
      return {
        lines: [
          "try:",
          `  raise ValueError(${one.raw}, "${one.raw}")`,
          "except ValueError as e: out.append(list(e.args))"
        ],
        expected: [[one.value, text]]
      }
  }
}

const misplaced = [
  (raw: string) => `x${raw} = 1`,
  (raw: string) => `${raw} = 1`,
  (raw: string) => `out.${raw}`,
  (raw: string) => `dict(${raw}=1)`,
  (raw: string) => `import ${raw}`,
  (raw: string) => `import os as ${raw}`,
  (raw: string) => `from os import ${raw}`,
  (raw: string) => `def ${raw}(): pass`,
  (raw: string) => `class ${raw}: pass`,
  (raw: string) => `for ${raw} in []: pass`,
  (raw: string) => `lambda ${raw}: 1`,
  (raw: string) => `f"{x${raw}}"`,
  (raw: string) => `f"{out.${raw}}"`,
  (raw: string) => `out.append(not${raw})`,
  (raw: string) => `(${raw} := 1)`,
  (raw: string) => `[1 for ${raw} in []]`,
  (raw: string) => `${raw}${raw}`
] as const

const program = (dice: Dice, minor: number): Case => {
  const width: Given = { raw: "${w}", value: 1 + dice.throw(9) }
  const chosen = new Set(Array.from({ length: 1 + dice.throw(4) }, () => dice.of(names)))
  const givens = [...chosen].map((name): Given => ({ raw: `\${${name}}`, value: json(dice, 2) }))
  const statements = Array.from({ length: 1 + dice.throw(5) }, (): Statement => {
    switch (dice.throw(4)) {
      case 0:
        return others(dice, givens, width, minor)
      case 1:
        return expressions(dice, givens, width)
      default:
        return texts(dice, givens, width)
    }
  })
  const lines: Array<string> = ["k = 7", "out = []"]
  const expected: Array<Schema.Json> = []
  for (const statement of statements) {
    const block = dice.of(["", "", "if 1:", "for _ in '1':", "while True:"])
    const pad = block === "" ? "" : dice.of([" ", "    ", "\t"])
    if (block !== "") lines.push(block)
    lines.push(...statement.lines.map((line) => pad + line))
    if (block === "while True:") lines.push(`${pad}break`)
    else if (block !== "" && statement.lines.every((line) => line.startsWith("#"))) lines.push(`${pad}pass`)
    expected.push(...statement.expected)
  }
  const wrong = dice.throw(12) === 0 ? (givens[0] ?? width).raw : undefined
  if (wrong !== undefined) lines.push(dice.of(misplaced)(wrong))
  const all = Object.fromEntries([...givens, width].map(({ raw, value }) => [raw.slice(2, -1), value]))
  return { ...bound([...lines, "result = out"].join("\n"), all), expected: wrong ?? expected }
}
