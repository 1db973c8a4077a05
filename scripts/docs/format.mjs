// The tables of docs/workflow-format.md, from the tables that the reader reads by.
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { table, typeOf } from "./schemas.mjs"

/** The text with every table between its marks replaced. */
export const filled = async (root, text) => {
  const Spelling = await import(pathToFileURL(join(root, "packages/core/src/Spelling.ts")).href)
  return text.replaceAll(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- \/generated -->)/g,
    (_, start, name, end) => `${start}\n${keys(Spelling[name], name)}\n\n${end}`
  )
}

const keys = (owner, name) => {
  if (owner?.names === undefined) throw new Error(`docs/workflow-format.md: there is no table "${name}"`)
  return table(
    ["key", "value", "meaning", "default"],
    Object.entries(owner.names)
      .filter(([key]) => !owner.refused?.includes(key))
      .map(([key, { also = [], description, is, otherwise = "", see }]) => [
        [key, ...also].map((one) => `\`${one}\``).join(", "),
        value(is.schema),
        see === undefined ? description : `${description} See ${link(see)}.`,
        otherwise
      ])
  )
}

const places = {
  "#/definitions/nested": "list, mapping or path",
  "#/definitions/inputs": "mapping",
  "#/definitions/tasks": "list",
  "#/definitions/schema": "schema"
}

const link = (see) => (see.endsWith(".md") ? `[${see}](${see})` : `[below](#${see})`)

/** Where text is expected a number stands for its digits, and a truth value for an expression: that needs no words. */
const value = (schema) => {
  if (schema.$ref !== undefined) return places[schema.$ref]
  return typeOf(plain(schema))
}

const plain = ({ items, type, ...rest }) => ({
  ...rest,
  ...(items === undefined ? {} : { items: plain(items) }),
  ...(type === undefined
    ? {}
    : {
        type: [type]
          .flat()
          .filter((one, _, all) => one === "string" || !all.includes("string") || !["number", "boolean"].includes(one))
      })
})
