/**
 * How long the built command line takes to answer, as ratios to `node -e 0` in the same run. Goals: `--version` ≤ 2.5,
 * `run` of a one-task workflow ≤ 6. Interleaved, medians. Needs `npm run build`.
 *
 *     node bench/start.mjs [ROUNDS]
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const rounds = Number(process.argv[2] ?? 21)
const bin = resolve(import.meta.dirname, "../packages/cli/dist/bin.js")
const folder = mkdtempSync(join(tmpdir(), "gleitzeit-start-"))
const file = join(folder, "one.yaml")
writeFileSync(
  file,
  "name: one\ntasks:\n  - { id: a, method: data/value, params: { answer: 42 } }\noutputs: { answer: '${a.answer}' }\n"
)
const env = { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder }

const cases = {
  "node -e 0": ["-e", "0"],
  "--version": [bin, "--version"],
  "--help": [bin, "--help"],
  "run (sqlite)": [bin, "run", file, "-q"],
  "run (memory)": [bin, "run", file, "-q", "--store", "memory:"]
}

const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
for (let round = -2; round < rounds; round++) {
  for (const [name, args] of Object.entries(cases)) {
    const before = process.hrtime.bigint()
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" })
    const ms = Number(process.hrtime.bigint() - before) / 1e6
    if (status !== 0) throw new Error(`${name}: exit ${status}\n${stderr}`)
    if (round >= 0) times[name].push(ms)
  }
}
rmSync(folder, { recursive: true, force: true })

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const base = median(times["node -e 0"])
for (const [name, values] of Object.entries(times)) {
  console.log(`${name.padEnd(14)} ${median(values).toFixed(1).padStart(7)} ms  ${(median(values) / base).toFixed(2)}x`)
}
