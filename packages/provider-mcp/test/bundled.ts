/**
 * The programs that these tests start, each in one file: from sources they take four times as long to start. Built once
 * for each state of the sources, by whichever test needs them first.
 */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { build } from "tsup"
import { program } from "../../../tsup.base.ts"

const root = resolve(import.meta.dirname, "../../..")

const programs = {
  parent: "packages/provider-mcp/test/parent.ts",
  conformance: "packages/provider-mcp/test/conformance.ts",
  server: "packages/mcp-server/test/server.ts"
}

/** What Node runs. */
export const bundled = (name: keyof typeof programs): Effect.Effect<string> =>
  Effect.map(folder, (folder) => join(folder, `${name}.mjs`))

// internal

const folder = Effect.gen(function* () {
  const sources = globSync(
    ["packages/*/src/**/*.ts", "packages/{provider-mcp,mcp-server}/test/*.ts", "tsup.base.ts", "pnpm-lock.yaml"],
    { cwd: root }
  )
  const hash = createHash("sha256")
  for (const path of sources.toSorted())
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
  const cache = join(root, "node_modules/.cache")
  const place = join(cache, `mcp-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(place)) return place
  mkdirSync(cache, { recursive: true })
  const own = mkdtempSync(join(cache, "building-"))
  yield* Effect.promise(() =>
    build({
      ...program,
      config: false,
      entry: Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, join(root, path)])),
      outDir: own,
      outExtension: () => ({ js: ".mjs" }),
      splitting: false,
      clean: false,
      silent: true,
      esbuildOptions: (options) => {
        options.conditions = ["gz-source"]
      }
    })
  )
  for (const old of globSync("mcp-*", { cwd: cache })) rmSync(join(cache, old), { recursive: true, force: true })
  try {
    renameSync(own, place)
  } catch {
    // another test was faster
    rmSync(own, { recursive: true, force: true })
  }
  return place
})
