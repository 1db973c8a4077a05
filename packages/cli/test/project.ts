/**
 * A project of somebody else: a folder with a copy of `effect` and of `@gleitzeit/core` of its own, in files of their
 * own, and the command line as it is published: bundled, with a copy of both inside.
 */
import { Effect, type Scope } from "effect"
import { execFile } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import type { Said } from "./command.ts"
import * as Program from "./program.ts"

const root = resolve(import.meta.dirname, "../../..")

export interface Project {
  readonly folder: string
  readonly file: (name: string, text: string) => string
  /** The bundled command line, in a process of its own, in this folder. */
  readonly gz: (...args: ReadonlyArray<string>) => Effect.Effect<Said>
}

/** Everything of it is gone afterwards. */
export const make: Effect.Effect<Project, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-project-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
).pipe(
  Effect.map((folder) => {
    const program = join(folder, "program")
    cpSync(Program.folder(), program, { recursive: true })
    ownCopies(folder)
    return {
      folder,
      file: (name, text) => {
        const path = join(folder, name)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
        return path
      },
      gz: (...args) =>
        Effect.callback<Said>((resume) => {
          const child = execFile(
            process.execPath,
            [join(program, "dist/bin.js"), ...args],
            {
              cwd: folder,
              env: { PATH: process.env["PATH"], LANG: "C.UTF-8", HOME: folder, XDG_DATA_HOME: join(folder, "data") }
            },
            (error, stdout, stderr) => {
              const exit = error === null ? 0 : typeof error.code === "number" ? error.code : -1
              resume(Effect.succeed({ exit, stdout, stderr }))
            }
          )
          return Effect.sync(() => child.kill("SIGKILL"))
        })
    }
  })
)

// internal

/** What is loaded of them, in other files under other addresses: so they are other modules. */
const ownCopies = (folder: string): void => {
  const modules = join(folder, "node_modules")
  const effect = resolve(root, "node_modules/effect")
  const files = readdirSync(join(effect, "dist"), { recursive: true, encoding: "utf8" })
  for (const file of [
    "package.json",
    ...files.filter((file) => file.endsWith(".js")).map((file) => join("dist", file))
  ]) {
    const copy = join(modules, "effect", file)
    mkdirSync(dirname(copy), { recursive: true })
    try {
      linkSync(join(effect, file), copy)
    } catch {
      // another file system
      copyFileSync(join(effect, file), copy)
    }
  }
  const core = join(modules, "@gleitzeit/core")
  Program.built("core", join(core, "dist"))
  writeFileSync(join(core, "package.json"), JSON.stringify({ type: "module", exports: "./dist/index.js" }))
  for (const name of ["@cfworker/json-schema", "@marcbachmann/cel-js", "yaml"]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, "packages/core/node_modules", name), join(modules, name))
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
}
