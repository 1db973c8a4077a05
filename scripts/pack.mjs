// Looks at every public package as npm would publish it: publint for its shape, attw for its types.
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

const run = (command, args, cwd) => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    shell: process.platform === "win32"
  })
  if (status !== 0) {
    process.stdout.write(`${cwd}: ${command} ${args.join(" ")}\n${stdout}${stderr}`)
    process.exitCode = 1
  }
}

for (const name of readdirSync("packages")) {
  const folder = `packages/${name}`
  const { exports, private: hidden } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"))
  if (hidden === true) continue
  run("publint", ["--strict"], folder)
  if (exports !== undefined) run("attw", ["--pack", ".", "--profile", "esm-only"], folder)
}
