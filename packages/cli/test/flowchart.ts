/** Reads as much of Mermaid's flowcharts as this program writes; anything else is an error. */

export interface Flowchart {
  /** By name, lines of the label parted by newlines. */
  readonly labels: ReadonlyMap<string, string>
  /** Nodes of each subgraph, by its name. */
  readonly subgraphs: ReadonlyMap<string, ReadonlyArray<string>>
  readonly edges: ReadonlyArray<readonly [from: string, arrow: "-->" | "-.->", to: string]>
}

/** @see https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters */
const read = (label: string): string => {
  const plain = label.replaceAll("<br/>", "\n").replaceAll(/#(\d+);/g, "")
  const odd = /[^\p{L}\p{N} _.,/()+=\n-]/u.exec(plain)
  if (odd !== null) throw new Error(`${JSON.stringify(odd[0])} stands bare in ${label}`)
  return label.replaceAll("<br/>", "\n").replaceAll(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
}

export const parse = (text: string): Flowchart => {
  const labels = new Map<string, string>()
  const subgraphs = new Map<string, Array<string>>()
  const edges: Array<Flowchart["edges"][number]> = []
  const open: Array<string> = []
  const styled = new Set<string>()
  const define = (name = "", label = "") => {
    if (labels.has(name)) throw new Error(`${name} is there twice`)
    labels.set(name, read(label))
    subgraphs.get(open.at(-1) ?? "")?.push(name)
  }
  const [head, ...lines] = text.trimEnd().split("\n")
  if (head !== "flowchart TD") throw new Error(`no flowchart: ${head}`)
  for (const line of lines.map((line) => line.trim())) {
    const node = /^(\w+)(?:\["([^"]*)"\]|\[\["([^"]*)"\]\])$/.exec(line)
    const edge = /^(\w+) (-->|-\.->) (\w+)$/.exec(line)
    const subgraph = /^subgraph (\w+)\["([^"]*)"\]$/.exec(line)
    const style = /^class (\w+) (\w+)$/.exec(line)
    const defined = /^classDef (\w+) [\w: ,.-]+$/.exec(line)
    if (node !== null) define(node[1], node[2] ?? node[3])
    else if (edge !== null) edges.push([edge[1] ?? "", edge[2] === "-->" ? "-->" : "-.->", edge[3] ?? ""])
    else if (subgraph !== null) {
      define(subgraph[1], subgraph[2])
      subgraphs.set(subgraph[1] ?? "", [])
      open.push(subgraph[1] ?? "")
    } else if (line === "end") {
      if (open.pop() === undefined) throw new Error("an end of nothing")
    } else if (style !== null) styled.add(style[2] ?? "")
    else if (defined !== null) styled.delete(defined[1] ?? "")
    else throw new Error(`not read: ${line}`)
  }
  if (open.length > 0) throw new Error(`${open.join(", ")} without an end`)
  if (styled.size > 0) throw new Error(`no class ${[...styled].join(", ")}`)
  for (const name of edges.flatMap(([from, , to]) => [from, to])) {
    if (!labels.has(name)) throw new Error(`an edge to ${name}, which is not there`)
  }
  return { labels, subgraphs, edges }
}
