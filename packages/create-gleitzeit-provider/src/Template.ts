/** A template as files under other names. A template is a package of the workspace that works as it is. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { catalog } from "./Catalog.ts"
import { type Kind, pascal, type ProtocolId } from "./Names.ts"

export interface File {
  /** Relative, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Wanted {
  readonly template: Kind
  /** Of the package. */
  readonly name: string
  /** Of a store the name is that of its URLs, and the version means nothing. */
  readonly protocol: ProtocolId
  /** Of Gleitzeit's packages. */
  readonly version: string
}

/** Every file of the package to be made, in the order of their paths. */
export const files = (wanted: Wanted): ReadonlyArray<File> => {
  const folder = join(templates, wanted.template)
  const rename = renaming(wanted)
  // npm leaves a .gitignore out of what it packs, and a package.json is no package there
  return walk(folder)
    .map((found) => {
      const text = readFileSync(join(folder, found), "utf8")
      const path = found.replace(/^_gitignore$/, ".gitignore").replace(/^_package/, "package")
      const renamed = path === "package.json" ? manifest(text, wanted, rename) : rename(text)
      return { path: rename(path), text: path === "workflow.yaml" ? versioned(renamed, wanted) : renamed }
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

// internal

/** Beside the program once it is packed, at the root of the workspace before. */
const templates: string = fileURLToPath(
  [new URL("./assets/templates", import.meta.url), new URL("../../../templates", import.meta.url)].find((url) =>
    existsSync(url)
  ) ?? new URL("./assets/templates", import.meta.url)
)

/** What comes of working in a template, and is not part of it. */
const left = /^(?:node_modules|dist)$|\.(?:tsbuildinfo|db|db-wal|db-shm|ledger)$/

/** Paths of files, relative and with `/`. */
const walk = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !left.test(name))
    .flatMap((entry) =>
      entry.isDirectory() ? walk(join(folder, entry.name)).map((path) => `${entry.name}/${path}`) : [entry.name]
    )

const own: { readonly [kind in Kind]: string } = { provider: "greet", store: "ledger" }

const renaming = ({ name, protocol, template }: Wanted) => {
  const from = own[template]
  const pairs: ReadonlyArray<readonly [from: string, to: string]> = [
    [`gleitzeit-${template}-${from}`, name],
    [`${from}/v1`, `${protocol.name}/v${protocol.version}`],
    [`${pascal(from)}V1`, `${pascal(protocol.name)}V${protocol.version}`],
    [pascal(from), pascal(protocol.name)],
    [from, protocol.name]
  ]
  const names = new RegExp(pairs.map(([from]) => from).join("|"), "g")
  const to = new Map(pairs)
  // in one go: what was put in is not looked at again
  return (text: string): string => text.replaceAll(names, (found) => to.get(found) ?? found)
}

/** A task that does not name the protocol of its method means version 1. */
const versioned = (text: string, { protocol: { name, version }, template }: Wanted): string =>
  template === "provider" && version !== 1
    ? text.replaceAll(/^( +)(?=method: )/gm, `$1protocol: ${name}/v${version}\n$1`)
    : text

const manifest = (text: string, { version }: Wanted, rename: (text: string) => string): string => {
  // Safe: the templates are ours, and a test makes a package of each.
  const template = JSON.parse(rename(text)) as { readonly [key: string]: unknown }
  const real = (range: string, name: string) =>
    range.startsWith("workspace:") ? `^${version}` : range === "catalog:" ? `^${catalog[name]}` : range
  const entries = Object.entries(template)
    .filter(([key]) => key !== "private")
    .map(([key, value]) =>
      key.toLowerCase().endsWith("dependencies")
        ? [
            key,
            Object.fromEntries(
              // Safe: dependencies are ranges by name.
              Object.entries(value as { readonly [name: string]: string }).map(([name, range]) => [
                name,
                real(range, name)
              ])
            )
          ]
        : [key, value]
    )
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`
}
