// The public packages as npm would get them: packed once a build into node_modules/.cache/packed, for every script that
// looks at them from outside.
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const folder = join(root, "node_modules", ".cache", "packed")

/** Runs a command to its end; what it said, and how long it took in seconds. Fails with all of it. */
export const run = (command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(command, args, {
      cwd: root,
      shell: process.platform === "win32",
      stdio: ["ignore", "pipe", "pipe"],
      ...options
    })
    const said = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (said[name] += text))
    child.on("error", reject)
    child.on("close", (code) => {
      if (code === 0) return resolve({ ...said, seconds: (performance.now() - began) / 1000 })
      const where = options.cwd === undefined ? "" : ` in ${options.cwd}`
      reject(new Error(`${command} ${args.join(" ")}${where}: exit ${code}\n${said.stdout}${said.stderr}`))
    })
  })

/** Does the same to each, `width` at a time, and gives what came out in their order. */
export const each = async (items, width, work) => {
  const left = items.entries()
  const done = []
  const worker = async () => {
    for (const [n, item] of left) done[n] = await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return done
}

/** Manifests of the public packages, with their folders. */
export const packages = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((path) => existsSync(join(path, "package.json")))
  .map((path) => ({ path, ...JSON.parse(readFileSync(join(path, "package.json"), "utf8")) }))
  .filter((manifest) => manifest.private !== true)

/** Where the tarball of a package is, once it is packed. */
export const tarball = (name) => {
  const found = packages.find((manifest) => manifest.name === name)
  if (found === undefined) throw new Error(`there is no public package ${name}`)
  return join(folder, `${name.replace("@", "").replace("/", "-")}-${found.version}.tgz`)
}

export const pack = async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await each(packages, 2, ({ path }) => run("pnpm", ["pack", "--pack-destination", folder], { cwd: path }))
}
