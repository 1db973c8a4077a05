import { cpSync, readdirSync, renameSync } from "node:fs"
import { program } from "../../tsup.base.ts"

/** What comes of working in a template, and is not part of it. */
const left = /[/\\](?:node_modules|dist)(?:[/\\]|$)|\.(?:tsbuildinfo|db|db-wal|db-shm|ledger)$/

const to = "dist/assets/templates"

export default {
  ...program,
  onSuccess: async () => {
    cpSync("../../templates", to, { recursive: true, filter: (path: string) => !left.test(path) })
    // a manifest below the root of a package is taken for one by some bundlers
    for (const name of readdirSync(to)) renameSync(`${to}/${name}/package.json`, `${to}/${name}/_package.json`)
  }
}
