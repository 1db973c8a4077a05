/** What was made, as data, and in words with what comes next. */
import { relative } from "node:path"
import type { Written } from "./Create.ts"
import { commands, type PackageManager } from "./PackageManager.ts"
import type { Wish } from "./Wish.ts"

/** What `--json` prints. */
export interface Outcome extends Written {
  readonly name: string
  readonly template: "provider" | "store"
  /** Absolute. */
  readonly folder: string
  /** Of a provider. */
  readonly protocol?: string
  /** Of the URLs of a store. */
  readonly scheme?: string
  readonly packageManager: PackageManager
  readonly installed: boolean
  /** A repository was begun. */
  readonly git: boolean
  /** Command lines, in their order, to be typed in the folder that this program was started in. */
  readonly next: ReadonlyArray<string>
}

export const make = (
  wish: Wish,
  written: Written,
  done: Pick<Outcome, "git" | "installed" | "packageManager">,
  current: string
): Outcome => {
  const { folder, name, protocol, template } = wish
  const { install, run, test } = commands[done.packageManager]
  const way = relative(current, folder)
  return {
    name,
    template,
    folder,
    ...(template === "provider" ? { protocol: `${protocol.name}/v${protocol.version}` } : { scheme: protocol.name }),
    ...done,
    ...written,
    next: [
      ...(way === "" ? [] : [`cd ${/[^\w./@-]/.test(way) ? JSON.stringify(way) : way}`]),
      ...(done.installed ? [] : [install]),
      test,
      run
    ]
  }
}

export const told = (outcome: Outcome): string => {
  const { files, folder, git, name, next, overwritten, protocol, scheme } = outcome
  const what = protocol === undefined ? `a store of ${scheme}: URLs` : `a provider of ${protocol}`
  return [
    `${name}, ${what}, in ${folder}`,
    "",
    ...files.map((file) => `  ${file}${overwritten.includes(file) ? " (overwritten)" : ""}`),
    "",
    ...(git ? ["A repository was begun.", ""] : []),
    "Next:",
    "",
    ...next.map((command) => `  ${command}`),
    "",
    ""
  ].join("\n")
}
