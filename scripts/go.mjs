// The workspace's tasks, from any Node 18 or later with npm: installs what the lock file says with the pinned pnpm when
// that is needed, then runs the task under the pinned Node of node_modules.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, "node_modules", ".bin")
const [task, ...rest] = process.argv.slice(2)
const from = process.env.INIT_CWD ?? process.cwd()
const source = ["--conditions=gz-source", join(root, "packages/cli/src/bin.ts")]

const tasks = {
  demo: [["node", "scripts/demo.mjs", ...rest]],
  test: [["vitest", "run", ...rest]],
  check: [
    ["tsc", "-b"],
    ["tsc", "-p", "packages/cli"],
    ["tsc", "-p", "packages/create-gleitzeit-provider"],
    ["tsc", "-p", "tsconfig.test.json"],
    ["node", "scripts/diagnose.mjs"]
  ],
  lint: [["oxlint"], ["oxfmt", "--check"], ["knip"]],
  format: [["oxfmt"]],
  docs: [["node", "--conditions=gz-source", "scripts/docs.mjs"]],
  build: [
    ["tsc", "-b"],
    ["pnpm", "-r", "run", "build"],
    ["node", "scripts/pack.mjs"],
    ["node", "scripts/smoke.mjs"],
    ["node", "scripts/create.mjs"],
    ["node", "scripts/changes.mjs"]
  ],
  bench: [["node", "--conditions=gz-source", ...(rest.length > 0 ? rest : ["bench/start.mjs"])]],
  changeset: [["changeset", ...rest]],
  versions: [
    ["changeset", "version"],
    ["node", "scripts/version.mjs"]
  ],
  gleitzeit: [["node", ...source, ...rest]]
}

const run = (command, args, options = {}) => {
  const { error, signal, status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    ...options
  })
  if (error !== undefined) throw error
  if (signal !== null) process.kill(process.pid, signal)
  if (status !== 0) process.exit(status ?? 1)
}

if (task === undefined || !(task in tasks)) {
  console.error(`usage: node scripts/go.mjs ${Object.keys(tasks).join("|")}`)
  process.exit(2)
}

const lock = createHash("sha256")
  .update(readFileSync(join(root, "pnpm-lock.yaml")))
  .digest("hex")
const stamp = join(root, "node_modules", ".installed")
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  // standard output belongs to the task
  run("npx", ["--yes", packageManager, "install", "--frozen-lockfile"], {
    stdio: ["ignore", 2, 2],
    env: { ...process.env, npm_config_loglevel: "error" }
  })
  writeFileSync(stamp, lock)
}

const env = {
  ...process.env,
  PATH: bin + delimiter + process.env.PATH,
  // sources run by type stripping: what has been stripped and compiled once is kept
  NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "compiled")
}
for (const [command, ...args] of tasks[task]) {
  run(join(bin, command), args, { env, cwd: task === "gleitzeit" ? from : root })
}
