/**
 * The command line as it is published, in one bundle: from source it takes ten times as long to start. Built once for
 * each state of the sources, by whichever test needs it first.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../../..")

/** A package built into a folder. */
export const built = (home: string, out: string): void =>
  void execFileSync(
    process.execPath,
    [join(root, "node_modules/tsup/dist/cli-default.js"), "--out-dir", out, "--silent"],
    { cwd: join(root, "packages", home), stdio: "pipe" }
  )

/** A folder with the package as it is published: `package.json` and `dist`. */
export const folder = (): string => {
  const sources = globSync(["packages/*/src/**/*", "packages/cli/tsup.config.ts", "tsup.base.ts", "pnpm-lock.yaml"], {
    cwd: root,
    withFileTypes: true
  })
  const hash = createHash("sha256")
  for (const path of sources.flatMap((one) => (one.isFile() ? [join(one.parentPath, one.name)] : [])).toSorted()) {
    hash.update(path).update("\0").update(readFileSync(path))
  }
  const cache = join(root, "node_modules/.cache")
  const place = join(cache, `program-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(place)) return place
  mkdirSync(cache, { recursive: true })
  const own = mkdtempSync(join(cache, "building-"))
  built("cli", join(own, "dist"))
  cpSync(join(root, "packages/cli/package.json"), join(own, "package.json"))
  cpSync(join(root, "packages/provider-python/src/python"), join(own, "dist/assets/python"), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__")
  })
  for (const old of globSync("program-*", { cwd: cache })) rmSync(join(cache, old), { recursive: true, force: true })
  try {
    renameSync(own, place)
  } catch {
    // another test was faster
    rmSync(own, { recursive: true, force: true })
  }
  return place
}

/** What Node runs. */
export const bin = (): string => join(folder(), "dist/bin.js")
