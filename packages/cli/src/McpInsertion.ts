/** Lines put into the section `mcp.servers` of a configuration in YAML: everything else stays as it was written. */
import * as McpImport from "./McpImport.ts"

/** `undefined` where the section is written in a way that lines cannot be put into. Whoever uses it reads it again. */
export const into = (text: string, taken: Pick<McpImport.Taken, "servers">): string | undefined => {
  const all = text.replace(/\n*$/, "").split("\n")
  const section = all.findIndex((line) => /^mcp:\s*(?:#.*)?$/.test(line))
  if (section < 0) {
    if (all.some((line) => /^["']?mcp["']?\s*:/.test(line))) return undefined
    const block = ["mcp:", "  servers:", ...indented(McpImport.lines(taken), 4)]
    return `${[...(text.trim() === "" ? [] : [...all, ""]), ...block].join("\n")}\n`
  }
  const end = endOf(all, section, 0)
  const servers = all.findIndex((line, i) => i > section && i < end && /^ +servers:\s*(?:#.*)?$/.test(line))
  if (servers < 0) {
    if (all.slice(section, end).some((line) => /^ +["']?servers["']?\s*:/.test(line))) return undefined
    const depth = indentOf(all.slice(section + 1, end).find(isSaid) ?? "  ")
    const block = [`${" ".repeat(depth)}servers:`, ...indented(McpImport.lines(taken), depth + 2)]
    return join(all, section + 1, block)
  }
  const depth = indentOf(all[servers] ?? "")
  const first = all.slice(servers + 1, end).find(isSaid)
  const isList = first !== undefined && /^ *- /.test(first) && indentOf(first) >= depth
  const inner = isList || (first !== undefined && indentOf(first) > depth) ? indentOf(first) : depth + 2
  const lines = isList ? McpImport.listed(taken) : McpImport.lines(taken)
  return join(all, endOf(all, servers, depth, isList), indented(lines, inner))
}

// internal

const join = (all: ReadonlyArray<string>, at: number, block: ReadonlyArray<string>): string =>
  `${[...all.slice(0, at), ...block, ...all.slice(at)].join("\n")}\n`

const isSaid = (line: string): boolean => /^\s*[^\s#]/.test(line)

const indentOf = (line: string): number => /^ */.exec(line)?.[0].length ?? 0

/** Behind the last line that belongs to the one at `from`. A list may stand as far left as its key. */
const endOf = (all: ReadonlyArray<string>, from: number, depth: number, isList = false): number => {
  let end = from + 1
  for (let i = from + 1; i < all.length; i++) {
    const line = all[i] ?? ""
    if (!isSaid(line)) continue
    const belongs = indentOf(line) > depth || (isList && indentOf(line) === depth && /^ *- /.test(line))
    if (!belongs) break
    end = i + 1
  }
  return end
}

const indented = (lines: ReadonlyArray<string>, depth: number): ReadonlyArray<string> =>
  lines.map((line) => `${" ".repeat(depth)}${line}`)
