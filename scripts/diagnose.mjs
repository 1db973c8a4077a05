// Effect's own diagnostics (floating effects, missing services) over every package.
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"

let failed = false
for (const name of readdirSync("packages")) {
  const { status, stdout } = spawnSync(
    "effect-tsgo",
    ["diagnostics", "--project", `packages/${name}/tsconfig.json`, "--format", "text"],
    { encoding: "utf8", shell: process.platform === "win32" }
  )
  if (status !== 0) {
    failed = true
    process.stdout.write(stdout)
  }
}
process.exit(failed ? 1 : 0)
