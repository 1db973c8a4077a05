/** Where the parts of a canonical workflow stand in the documents it was read from, whatever spelling they have there. */
import type { Document } from "./DocumentFile.ts"
import type { Sheet } from "./Library.ts"
import type { Entry, Node } from "./Position.ts"
import * as Spelling from "./Spelling.ts"
import type { CanonicalPath } from "./WorkflowFile.ts"

export interface Found {
  /** Where its key is, or else where it is itself. */
  readonly key: Entry["key"]
  readonly node: Node
  /** It is there, and not only a parent of it. */
  readonly exact: boolean
  readonly sheet: Sheet
}

export const find = ({ given, node: root, sheet, tasks }: Document, path: CanonicalPath): Found => {
  const itself = (node: Node): Found => ({ key: node, node, exact: true, sheet })
  const [first, second, third, fourth] = path
  const task = first === "tasks" && typeof second === "number" ? tasks[second] : undefined
  if (task === undefined)
    return first === undefined ? itself(root) : below(given.get(String(first)), itself(root), path.slice(1))
  const { fields, nested, node } = task
  if (third === undefined) return itself(node)
  if (third === "workflow" && nested !== undefined && path.length > 3) return find(nested, path.slice(3))
  const dependency = third === "dependencies" && typeof fourth === "number" ? task.dependencies[fourth] : undefined
  if (dependency !== undefined) return itself(dependency)
  const name = third === "params" && fields.has("workflow") ? "inputs" : String(third)
  const entry = fields.get(name) ?? (third === "id" ? fields.get("name") : undefined)
  const found = below(entry, itself(node), path.slice(3))
  // given by `defaults`
  const model = third === "params" && fourth === "model" && !found.exact ? fields.get("model") : undefined
  return model === undefined ? found : below(model, found, path.slice(4))
}

// internal

const below = (entry: Entry | undefined, parent: Found, path: CanonicalPath): Found => {
  let next = entry
  let found: Found = parent
  for (let i = 0; ; i++) {
    if (next === undefined) return { ...found, exact: false }
    found = { key: next.key, node: next.value, exact: true, sheet: parent.sheet }
    if (i === path.length) return found
    const step = path[i]
    const { node } = found
    // the words of an input's schema stand beside its default
    if (step === "schema" && node.kind === "mapping" && !node.entries.has("schema")) continue
    const item = node.kind === "list" ? node.items[Number(step)] : undefined
    next =
      node.kind === "mapping"
        ? Spelling.entryOf(node, String(step), Spelling.retry)
        : item === undefined
          ? undefined
          : { key: item, value: item }
  }
}
