/** How often a step makes the disk write: fsyncs counted by strace, and commits counted in the process. Linux only. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Case } from "./Cases.ts"
import { run, withFolder } from "./Child.ts"
import { type Durability, stepsOf } from "./Subject.ts"

export interface Writes {
  /** Undefined without strace. */
  readonly fsyncs: number | undefined
  readonly commits: number
}

/** A step's share, between a smaller and a larger one of the same workflow, so that opening and closing do not count. */
export const perStep = (root: string, { fsyncsFrom = 0, shape, size }: Case, durability: Durability): Writes => {
  const [few, many] = [fsyncsFrom, size].map((size) => count(root, { name: "", shape, size }, durability))
  const steps = stepsOf(shape, size) - stepsOf(shape, fsyncsFrom)
  return {
    fsyncs: many?.fsyncs === undefined || few?.fsyncs === undefined ? undefined : (many.fsyncs - few.fsyncs) / steps,
    commits: ((many?.commits ?? 0) - (few?.commits ?? 0)) / steps
  }
}

// internal

/** `--seccomp-bpf`: what is not counted is not slowed down. */
const strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o"]

const [command = "", ...flags] = strace
/** False: it is not installed, or may not look into processes. */
const hasStrace = spawnSync(command, [...flags, "/dev/null", "true"]).status === 0

const count = (root: string, of: Case, durability: Durability): Writes => {
  const job = { kind: "measure", durability, case: of, count: true } as const
  if (!hasStrace) return { fsyncs: undefined, commits: run(root, job).commits ?? 0 }
  return withFolder(root, (folder) => {
    const log = join(folder, "strace.log")
    const before = [...strace, log]
    const { commits = 0 } = run(root, job, "one", before)
    return { fsyncs: readFileSync(log, "utf8").match(/(fsync|fdatasync)(\(| resumed)/g)?.length ?? 0, commits }
  })
}
