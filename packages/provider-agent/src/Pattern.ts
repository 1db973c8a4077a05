/**
 * Patterns over the names of methods: `weather/*`, `mcp/tool.fs.*`, `**`. `*` stands for anything but a slash, `**` for
 * anything, every other sign for itself.
 */

/** Takes no more than the product of both lengths, whatever the pattern. */
export const matches = (pattern: string, name: string): boolean => {
  const signs = [...name]
  /** How much of the name the part of the pattern that has been read may stand for. */
  let reached: ReadonlySet<number> = new Set([0])
  for (const [token] of pattern.matchAll(/\*\*|[^]/gu)) {
    const next = new Set<number>()
    for (const from of reached) {
      if (token !== "*" && token !== "**") {
        if (signs[from] === token) next.add(from + 1)
        continue
      }
      for (let to = from; to <= signs.length && !next.has(to); to++) {
        next.add(to)
        if (token === "*" && signs[to] === "/") break
      }
    }
    reached = next
  }
  return reached.has(signs.length)
}

/** It names one method and nothing else. */
export const isExact = (pattern: string): boolean => !pattern.includes("*")
