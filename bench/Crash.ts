/** `kill -9` in the middle of a chain, and another process that goes on with it. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import type { Case } from "./Cases.ts"
import { env, path, read, withFolder } from "./Child.ts"
import type { Job } from "./one.ts"
import type { Durability } from "./Subject.ts"

export interface Recovery {
  /** Steps that were carried out before the kill. */
  readonly before: number
  /** Steps that were carried out twice. */
  readonly rerun: number
  /** Milliseconds from the opening of the store to the first further step, modules loaded. */
  readonly first: number
  /** Milliseconds from there to the end of the run. */
  readonly ms: number
}

/** Killed once `after` steps have been seen; undefined when the run was over before the kill. */
export const recover = (root: string, of: Case, durability: Durability, after: number): Promise<Recovery | undefined> =>
  withFolder(root, async (folder) => {
    const args = (kind: Job["kind"]) => [
      "--no-warnings",
      path("one"),
      JSON.stringify({ kind, durability, folder, case: of } satisfies Job)
    ]
    const doomed = spawn(process.execPath, args("doomed"), { env: env(folder), stdio: ["ignore", "pipe", "inherit"] })
    // each step is one byte in the pipe, and what is in the pipe outlives its writer
    let before = 0
    doomed.stdout.on("data", (bytes: Buffer) => {
      before += bytes.length
      if (before >= after) doomed.kill("SIGKILL")
    })
    await once(doomed, "close")
    if (doomed.signalCode !== "SIGKILL") return undefined
    const { status, stderr, stdout } = spawnSync(process.execPath, args("resume"), {
      env: env(folder),
      encoding: "utf8"
    })
    if (status !== 0) throw new Error(`the run was not resumed: ${stderr}`)
    const { first = Infinity, hits = 0, ms = Infinity } = read(stdout)
    return { before, rerun: before + hits - of.size, first, ms }
  })
