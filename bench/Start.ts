/** Seconds from the start of a process to the first result, on an empty store. */
import { spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { env, run, withFolder } from "./Child.ts"
import type { Durability } from "./Subject.ts"

/** A program in one file that uses the library; no compile cache. */
export const library = (root: string, durability: Durability): number =>
  (run(root, { kind: "cold", durability, case: { name: "", shape: "chain", size: 1 } }).ms ?? Infinity) / 1000

/** `gleitzeit run`, as built by `npm run build`, to its exit; with the compile cache of a run before it. */
export const command = (root: string, durability: Durability): number | undefined =>
  existsSync(bin)
    ? withFolder(root, (folder) => {
        const file = join(folder, "one.yaml")
        writeFileSync(file, "name: one\ntasks:\n  - { id: a, method: data/value, params: { answer: 42 } }\n")
        const seconds = (store: string) =>
          spawned(
            [bin, "run", file, "-q", "--durability", durability, "--store", `sqlite:${join(folder, store)}`],
            folder
          )
        seconds("first.db")
        return seconds("second.db")
      })
    : undefined

/** Node that does nothing. */
export const node = (root: string): number => withFolder(root, (folder) => spawned(["-e", "0"], folder))

// internal

const bin = resolve(import.meta.dirname, "../packages/cli/dist/bin.js")

const spawned = (args: ReadonlyArray<string>, folder: string): number => {
  const begun = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env: env(folder), encoding: "utf8" })
  if (status !== 0) throw new Error(`exit ${status}: ${stderr}`)
  return (performance.now() - begun) / 1000
}
