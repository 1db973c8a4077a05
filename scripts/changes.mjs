// What the next release would be: `changeset status`, then the versions as `changeset version` would write them, in a
// copy of what it reads. The tree stays as it is: the copy has no modules, and nothing can be started from it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { packages, root, run } from "./packed.mjs"

const changesets = join(root, "node_modules/@changesets/cli/bin.js")
const read = (...path) => readFileSync(join(...path), "utf8")

// it compares with the branch that releases come from, which not every clone has
const { baseBranch } = JSON.parse(read(root, ".changeset/config.json"))
const known = await run("git", ["rev-parse", "--verify", "--quiet", baseBranch]).catch(() => undefined)
if (known === undefined) console.log(`there is no branch ${baseBranch} here to compare with`)
else await run("node", [changesets, "status"])

const copy = mkdtempSync(join(tmpdir(), "gleitzeit-changes-"))
try {
  const take = (path) => {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    cpSync(join(root, path), join(copy, path), { recursive: true })
  }
  const workspaces = ["packages", "templates"].flatMap((home) =>
    readdirSync(join(root, home)).map((name) => `${home}/${name}`)
  )
  for (const home of ["", ...workspaces, "examples", "bench"]) take(join(home, "package.json"))
  for (const path of ["pnpm-workspace.yaml", ".changeset", "scripts/version.mjs", "packages/core/src/Version.ts"])
    take(path)
  // formatting and the text of changelogs are the work of other programs
  const config = JSON.parse(read(copy, ".changeset/config.json"))
  writeFileSync(join(copy, ".changeset/config.json"), JSON.stringify({ ...config, format: false, changelog: false }))

  const alone = { cwd: copy, env: { PATH: join(copy, "bin"), HOME: copy } }
  const pending = readdirSync(join(copy, ".changeset")).some((name) => name.endsWith(".md") && name !== "README.md")
  if (pending) await run(process.execPath, [changesets, "version"], alone)
  await run(process.execPath, ["scripts/version.mjs"], alone)

  const manifests = packages.map(({ path }) => JSON.parse(read(copy, relative(root, path), "package.json")))
  const versions = [...new Set(manifests.map(({ version }) => version))]
  if (versions.length !== 1) {
    const list = manifests.map(({ name, version }) => `${name} ${version}`).join(", ")
    throw new Error(`one version for all is expected: ${list}; is each in the fixed group of .changeset/config.json?`)
  }
  const [version] = versions
  const constant = read(copy, "packages/core/src/Version.ts")
  if (!constant.includes(`"${version}"`)) throw new Error(`core's constant does not say ${version}`)
  console.log(pending ? `the next version of all packages is ${version}` : `no changes since ${version}`)
} finally {
  rmSync(copy, { recursive: true, force: true })
}
