/**
 * The tree that CEL makes of an expression, as far as names are concerned: which stand in it, with which steps behind
 * them, and which are variables of a macro. Knows the form of the tree, not the library that makes it.
 */
import type { Step } from "./ReferenceSyntax.ts"

interface Part<Op extends string, Args> {
  readonly op: Op
  readonly args: Args
  /** In the expression, in UTF-16 units. */
  readonly start: number
  readonly end: number
}
export type Id = Part<"id", string>
type Access = Part<"." | ".?", readonly [Node, string]> | Part<"[]" | "[?]", readonly [Node, Node]>
type Infix = "!=" | "==" | "in" | "+" | "-" | "*" | "/" | "%" | "<" | "<=" | ">" | ">=" | "||" | "&&"
export type Node =
  | Id
  | Access
  | Part<"value", unknown>
  | Part<"call", readonly [string, ReadonlyArray<Node>]>
  | Part<"rcall", readonly [string, Node, ReadonlyArray<Node>]>
  | Part<"list" | "?:" | Infix, ReadonlyArray<Node>>
  | Part<"map", ReadonlyArray<readonly [Node, Node]>>
  | Part<"!_" | "-_", Node>

export const isAccess = (node: Node): node is Access =>
  node.op === "." || node.op === ".?" || node.op === "[]" || node.op === "[?]"

/** A name and the steps behind it that are known beforehand. */
export interface Chain {
  readonly base: Node
  readonly steps: ReadonlyArray<{ readonly step: Step; readonly key: string | bigint }>
  /** The last step may find nothing: it stands behind `.?`, or in `has(...)`. */
  readonly optional: boolean
  /** Further steps follow. */
  readonly open: boolean
  /** Where its last step ends. */
  readonly end: number
  /** What stands in the brackets of further steps. */
  readonly inside: ReadonlyArray<Node>
}

export const chainOf = (node: Node, has: boolean): Chain => {
  const accesses: Array<Access> = []
  let base = node
  while (isAccess(base)) {
    accesses.push(base)
    base = base.args[0]
  }
  accesses.reverse()
  const steps: Array<Chain["steps"][number]> = []
  let optional = false
  let end = base.end
  for (const access of accesses) {
    const step = optional ? undefined : stepOf(access)
    if (step === undefined) break
    steps.push(step)
    end = access.end
    optional = access.op === ".?" || access.op === "[?]"
  }
  const open = steps.length < accesses.length
  const inside = accesses
    .slice(steps.length)
    .flatMap(({ args: [, index] }) => (typeof index === "object" ? [index] : []))
  return { base, steps, optional: optional || (has && !open && steps.length > 0), open, end, inside }
}

/** The variable a macro declares: `r` of `rows.map(r, r.x)`. */
export const variableOf = (node: Node): Id | undefined => {
  if (node.op !== "rcall") return undefined
  const [macro, receiver, args] = node.args
  const declares =
    macro === "bind" ? receiver.op === "id" && receiver.args === "cel" : macros.has(`${macro}/${args.length}`)
  return declares && args[0]?.op === "id" ? args[0] : undefined
}

/** `scoped`: where a macro's variable is seen. */
export const childrenOf = (
  node: Exclude<Node, Id | Access>
): ReadonlyArray<{ readonly node: Node; readonly scoped: boolean }> => {
  const plain = (nodes: ReadonlyArray<Node>) => nodes.map((node) => ({ node, scoped: false }))
  switch (node.op) {
    case "value":
      return []
    case "!_":
    case "-_":
      return plain([node.args])
    case "call":
      return plain(node.args[1])
    case "rcall": {
      const [macro, receiver, args] = node.args
      return [
        { node: receiver, scoped: false },
        ...args.map((node, i) => ({ node, scoped: macro !== "bind" || i > 1 }))
      ]
    }
    case "map":
      return plain(node.args.flat())
    default:
      return plain(node.args)
  }
}

// internal

const stepOf = ({ args: [, index] }: Access): Chain["steps"][number] | undefined => {
  if (typeof index === "string") return { step: index, key: index }
  if (index.op !== "value") return undefined
  if (typeof index.args === "string") return { step: index.args, key: index.args }
  return typeof index.args === "bigint" && index.args <= Number.MAX_SAFE_INTEGER
    ? { step: Number(index.args), key: index.args }
    : undefined
}

const macros = new Set(["all/2", "exists/2", "exists_one/2", "filter/2", "map/2", "map/3"])
