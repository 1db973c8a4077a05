// One page for each protocol: its methods with params, results and examples.
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { stringify } from "yaml"
import { fields, rules, table, typeOf } from "./schemas.mjs"

/** Pages by their paths below `docs/`. */
export const pages = async (root) => {
  const { contracts } = await import(pathToFileURL(join(root, "packages/core/src/Protocol.ts")).href)
  const found = []
  for (const home of readdirSync(join(root, "packages"))) {
    for (const file of readdirSync(join(root, "packages", home, "src")).filter((name) => /V\d+\.ts$/.test(name))) {
      const path = `packages/${home}/src/${file}`
      const module = await import(pathToFileURL(join(root, path)).href)
      const protocol = module[file.slice(0, -".ts".length)]
      found.push([`protocols/${protocol.id.replace("/", "-")}.md`, page(protocol, contracts(protocol), path)])
    }
  }
  return found
}

const page = ({ description, id, methods }, contracts, path) => `# ${id}

<!-- Printed by scripts/docs.mjs from ${path}. Change it there. -->

${description}.

${table(
  ["method", "", "effects"],
  contracts.map(({ description, effects, method }) => [`[\`${method}\`](#${anchor(method)})`, description, effects])
)}

A method that \`reads\` may be called again after a failure and its results may be kept; one that \`writes\` is called once
unless the task says otherwise.

${contracts.map((contract) => section(contract, methods[contract.method])).join("\n\n")}
`

const anchor = (method) => method.replaceAll(/[^\w-]/g, "")

const section = ({ description, effects, examples = [], method, params, result }, { optional }) =>
  [
    `## ${method}`,
    `${description}. It ${effects}.${optional ? " A provider may leave it out." : ""}`,
    "**Params**",
    body(params, ["param", "type", "required", "meaning"], "None."),
    ...rules(params),
    "**Result**",
    body(result, ["field", "type", "always there", "meaning"], "An empty mapping."),
    ...examples.flatMap((example, n) => [
      examples.length === 1 ? "**Example**" : `**Example ${n + 1}**`,
      `\`\`\`yaml\n${yaml(method, example.params)}\`\`\``,
      "gives",
      `\`\`\`json\n${JSON.stringify(example.result, null, 2)}\n\`\`\``
    ])
  ].join("\n\n")

const body = (schema, head, none) => {
  const rows = fields(schema)
  if (rows.length > 0) {
    return table(
      head,
      rows.map(({ about, must, path, type }) => [`\`${path}\``, type, must ? "yes" : "", about])
    )
  }
  const type = typeOf(schema)
  if (schema.properties !== undefined || schema.not !== undefined) return none
  return type === "mapping" ? "A mapping with any keys." : `${type.slice(0, 1).toUpperCase()}${type.slice(1)}.`
}

/** A whole workflow. */
const yaml = (method, params) =>
  stringify(
    { tasks: [{ id: "example", method, ...(Object.keys(params).length === 0 ? {} : { params }) }] },
    { lineWidth: 0, defaultStringType: "PLAIN" }
  )
