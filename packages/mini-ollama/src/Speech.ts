/** What a model says, token by token, as far as the request lets it. */
import { Stream } from "effect"

/** A piece of an answer. The last one says why it ends. */
export interface Piece {
  readonly text: string
  readonly thinking?: string
  readonly end?: "stop" | "length"
}

export interface Limits {
  /** Tokens of text. Default, and below 0: no limit. */
  readonly tokens?: number
  /** Where one of these begins, the text ends. */
  readonly stop?: ReadonlyArray<string>
}

/** `tokens` has no `end`s. Text that may be the beginning of a stop sign is held back until that is known. */
export const limited = <E, R>(tokens: Stream.Stream<Piece, E, R>, limits: Limits): Stream.Stream<Piece, E, R> => {
  const { stop = [], tokens: most = -1 } = limits
  const next = ({ count, held }: Heard, piece: Piece): readonly [Heard, ReadonlyArray<Piece>] => {
    if (piece.end !== undefined) return [nothing, [{ text: held, end: piece.end }]]
    if (piece.thinking !== undefined) return [{ held, count }, [piece]]
    if (most >= 0 && count >= most) return [nothing, [{ text: held, end: "length" }]]
    const text = held + piece.text
    const ends = stop.map((sign) => text.indexOf(sign)).filter((end) => end >= 0)
    if (ends.length > 0) return [nothing, [{ text: text.slice(0, Math.min(...ends)), end: "stop" }]]
    const safe = text.length - Math.max(0, ...stop.map((sign) => overlap(text, sign)))
    const free = text.slice(0, safe)
    return [{ held: text.slice(safe), count: count + 1 }, free === "" ? [] : [{ text: free }]]
  }
  const whole = Stream.concat(tokens, Stream.make<[Piece]>({ text: "", end: "stop" }))
  return Stream.takeUntil(
    Stream.mapAccum(whole, () => nothing, next),
    ({ end }) => end !== undefined
  )
}

/** Words with the space before them. */
export const words = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(/(?=\s)/u))

// internal

interface Heard {
  /** Text that is not sent yet. */
  readonly held: string
  /** Tokens. */
  readonly count: number
}

const nothing: Heard = { held: "", count: 0 }

/** How much of the end of a text is the beginning of a sign. */
const overlap = (text: string, sign: string): number => {
  for (let length = Math.min(text.length, sign.length - 1); length > 0; length--) {
    if (sign.startsWith(text.slice(-length))) return length
  }
  return 0
}
