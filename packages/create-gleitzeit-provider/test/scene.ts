/** The program in this process, in an empty folder of a test's own. */
import { Effect } from "effect"
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { Questions } from "../src/Questions.ts"
import { program } from "../src/start.ts"

export const folder = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "create-gleitzeit-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What was asked, in this order. */
  readonly asked: ReadonlyArray<string>
}

/** Nobody sits there unless there are answers. Nothing is installed, and no repository is begun. */
export const run = (
  current: string,
  args: ReadonlyArray<string>,
  answers?: ReadonlyArray<string>
): Effect.Effect<Ended> =>
  Effect.suspend(() => {
    const [left, asked] = [[...(answers ?? [])], Array<string>()]
    let [out, err] = ["", ""]
    const place = {
      current,
      out: (text: string) => void (out += text),
      err: (text: string) => void (err += text),
      terminal: false
    }
    const ask = (prompt: string) => Effect.sync(() => (asked.push(prompt), left.shift() ?? ""))
    return program([...args, "--no-install", "--no-git"], place).pipe(
      Effect.provideService(Questions, { attended: answers !== undefined, ask }),
      Effect.map((code) => ({ code, out, err, asked }))
    )
  })

/** Text by path, but for what was installed. */
export const contents = (path: string): { readonly [file: string]: string } =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [relative(path, file), readFileSync(file, "utf8")])
  )
