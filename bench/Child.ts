/** Programs of the measurements, each in a process and a folder of its own. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Job, Sample } from "./one.ts"

/** `one`: everything in one file. `plain`: module by module, from the packages as `npm run build` leaves them. */
export type Program = "one" | "plain"

/** Seconds that a repetition may take. */
const patience = 300

export const path = (program: Program): string => resolve(import.meta.dirname, "dist", `${program}.js`)

/** No compile cache of the caller, and no settings of the user. */
export const env = (folder: string) => ({
  PATH: process.env["PATH"],
  HOME: folder,
  XDG_DATA_HOME: folder,
  XDG_CACHE_HOME: folder
})

export const withFolder = <A>(root: string, use: (folder: string) => A): A => {
  const folder = mkdtempSync(join(root, "gleitzeit-bench-"))
  const clean = () => rmSync(folder, { recursive: true, force: true })
  const used = use(folder)
  if (used instanceof Promise) void used.then(clean, clean)
  else clean()
  return used
}

/** One repetition. `before`: a command that the program becomes the arguments of, such as strace. */
export const run = (
  root: string,
  job: Omit<Job, "folder">,
  program: Program = "one",
  before: ReadonlyArray<string> = []
): Sample =>
  withFolder(root, (folder) => {
    const asked = performance.timeOrigin + performance.now()
    const [command = "", ...args] = [
      ...before,
      process.execPath,
      "--no-warnings",
      path(program),
      JSON.stringify({ ...job, folder, asked } satisfies Job)
    ]
    const { error, status, stderr, stdout } = spawnSync(command, args, {
      env: env(folder),
      encoding: "utf8",
      timeout: patience * 1000
    })
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(/^\w*Error: .*/m.exec(stderr)?.[0] ?? `exit ${status}`)
    return read(stdout)
  })

/** The last line of what a program prints. */
export const read = (stdout: string): Sample =>
  // Safe: `one.ts` writes what it has typed as a sample.
  JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "{}") as Sample

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
