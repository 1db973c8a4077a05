/** Text broken into lines of a width, at spaces where there are any. Pure. */
import * as Text from "./Text.ts"

/**
 * At most so many columns a line; the spaces that a line is broken at are gone, and those at the end of the last one may
 * stand beyond. When more text follows, all lines but the last stay as they are.
 */
export const wrap = (text: string, columns: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => (Text.width(line) <= columns ? [line] : wrapLine(line, Math.max(1, columns))))

// internal

const wrapLine = (line: string, columns: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let done = ""
  let used = 0
  /** Of `done`, where it can be broken: behind a space. 0: nowhere. */
  let breakAt = 0
  for (const { segment } of segments(line)) {
    const next = Text.width(segment)
    if (used + next > columns && segment !== " ") {
      const cut = breakAt === 0 ? done.length : breakAt
      lines.push(done.slice(0, cut).trimEnd())
      done = done.slice(cut)
      used = Text.width(done)
      breakAt = 0
    }
    done += segment
    used += next
    if (segment === " ") breakAt = done.length
  }
  return [...lines, done]
}

const segments = (text: string) => new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)
