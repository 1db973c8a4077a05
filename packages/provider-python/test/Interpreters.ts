/** The Pythons of this machine beside the one that is found, by version: `3.8`. */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** What `python3` on the PATH is, once: a shim in front of it costs each provider that looks for itself a tenth of a second. */
export const real: string = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8"
}).trim()

const versionIn = (text: string) => /(\d+)\.(\d+)/.exec(text)?.[0] ?? ""

const named = (folder: string, pattern: RegExp, inside: string): ReadonlyArray<readonly [string, string]> =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => pattern.test(name))
        .map((name): readonly [string, string] => [versionIn(name), join(folder, name, inside)])
        .filter(([, path]) => existsSync(path))
    : []

const pyenv = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions")

export const installed: ReadonlyMap<string, string> = new Map([
  ...named("/usr/bin", /^python\d\.\d+$/, ""),
  ...named("/usr/local/bin", /^python\d\.\d+$/, ""),
  ...named(pyenv, /^\d+\.\d+\.\d+$/, "bin/python")
])

const minor = (version: string) => Number(version.split(".")[1])

export const isOld = (version: string) => version.startsWith("2.") || minor(version) < 8

/** That may run tasks, oldest first. */
export const fit: ReadonlyArray<readonly [version: string, path: string]> = [...installed]
  .filter(([version]) => !isOld(version))
  .toSorted(([a], [b]) => minor(a) - minor(b))
