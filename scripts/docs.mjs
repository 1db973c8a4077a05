// Writes the pages of docs/ that are printed from the sources: `node --conditions=gz-source scripts/docs.mjs`. With
// `--check` it writes nothing and ends with 1 when a page is another one.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as cli from "./docs/cli.mjs"
import * as format from "./docs/format.mjs"
import * as protocols from "./docs/protocols.mjs"
import { page as errors } from "./errors.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const docs = join(root, "docs")
const read = (path) => {
  try {
    return readFileSync(join(docs, path), "utf8")
  } catch {
    return ""
  }
}

const pages = new Map([
  ["errors.md", errors],
  ["cli.md", await cli.page(root)],
  ["workflow-format.md", await format.filled(root, read("workflow-format.md"))],
  ...(await protocols.pages(root))
])

const stale = [...pages].filter(([path, text]) => read(path) !== text).map(([path]) => path)
mkdirSync(join(docs, "protocols"), { recursive: true })
const gone = readdirSync(join(docs, "protocols"))
  .map((name) => `protocols/${name}`)
  .filter((path) => !pages.has(path))

if (process.argv.includes("--check")) {
  for (const path of [...stale, ...gone]) console.error(`docs/${path} is not what scripts/docs.mjs prints`)
  process.exitCode = stale.length + gone.length === 0 ? 0 : 1
} else {
  for (const path of stale) writeFileSync(join(docs, path), pages.get(path))
  for (const path of gone) rmSync(join(docs, path))
  for (const path of [...stale, ...gone]) console.log(`docs/${path}`)
}
