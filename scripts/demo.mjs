// The main job from a bare clone: the research example, on SQLite, on Ollama when one answers and on the simulator
// otherwise. The run is kept in .demo/. What is given to it goes to the command.
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const store = "sqlite:.demo/gleitzeit.db"
const args = [
  "run",
  "examples/01-research/workflow.yaml",
  "--simulate",
  "auto",
  "--store",
  store,
  ...process.argv.slice(2)
]

mkdirSync(join(root, ".demo"), { recursive: true })
console.error(
  [
    "Runs examples/01-research: two questions to a model, one built on the other, then a Python task over both answers.",
    "The model is Ollama's when a server answers, else the simulator. The run is kept in .demo/gleitzeit.db.",
    "",
    `  gleitzeit ${args.join(" ")}`,
    ""
  ].join("\n")
)

const { error, status } = spawnSync(
  process.execPath,
  ["--conditions=gz-source", join(root, "packages/cli/src/bin.ts"), ...args],
  { cwd: root, stdio: "inherit" }
)
if (error !== undefined) throw error
if (status === 0) console.error(`\nAll runs of the demo: npm run -s gleitzeit -- ls --store ${store}`)
process.exit(status ?? 1)
