// Installs the packed command line as a stranger would and runs it on the oldest Node that packages promise to run on,
// from npm: it starts, keeps a run in SQLite without a warning, and finds its Python sources.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tarball } from "./packed.mjs"

const oldest = "22.19.0"
const folder = mkdtempSync(join(tmpdir(), "gleitzeit-smoke-"))

const run = (command, args, options = {}) => {
  const result = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: join(folder, "data"), npm_config_loglevel: "error" },
    ...options
  })
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: exit ${result.status}\n${result.stdout}${result.stderr}`)
  }
  return result
}

const expect = (what, holds, seen) => {
  if (!holds) throw new Error(`${what}, seen: ${seen}`)
}

try {
  writeFileSync(join(folder, "package.json"), "{}")
  run("npm", ["install", "--no-audit", "--no-fund", tarball("gleitzeit"), `node@${oldest}`])
  const node = join(folder, "node_modules/node/bin/node")
  const bin = join(folder, "node_modules/gleitzeit/dist/bin.js")
  const gleitzeit = (...args) => run(node, [bin, ...args])

  expect("the oldest Node", run(node, ["-v"]).stdout.trim() === `v${oldest}`, run(node, ["-v"]).stdout)
  expect("a version", /^gleitzeit \d+\.\d+\.\d+/.test(gleitzeit("--version").stdout), gleitzeit("--version").stdout)
  writeFileSync(
    join(folder, "smoke.yaml"),
    `name: smoke
tasks:
  - { id: words, method: data/value, params: { text: 'it''s "quoted"' } }
  - id: count
    method: python/execute
    params: { code: 'result = len("""\${words.text}""".split())' }
outputs: { count: "\${count.result}" }
`
  )
  const { stderr, stdout } = gleitzeit("run", "smoke.yaml", "--json")
  const report = JSON.parse(stdout)
  expect("a completed run", report.status === "completed" && report.outputs.count === 2, stdout)
  expect("no warning", !/warning/i.test(stderr), stderr)
  expect("the run in the store", gleitzeit("ls", "--json").stdout.includes(report.run), "another list")
  console.log(`the packed gleitzeit runs on Node ${oldest}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
