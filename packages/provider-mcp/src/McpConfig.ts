/**
 * All servers that a configuration names, in whatever dialect, with everything that stands for something else filled in.
 * One that cannot be used says why, and the others can be used. Nothing is started here.
 */
import type { McpSection, Secrets, Settings } from "@gleitzeit/core"
import { Effect, Result } from "effect"
import { existsSync } from "node:fs"
import { resolve, sep } from "node:path"
import type * as Dialects from "./Dialects.ts"
import * as Filling from "./Filling.ts"
import * as ImportFile from "./ImportFile.ts"
import * as Paths from "./Paths.ts"
import type { Server, Unusable } from "./Server.ts"
import * as ServerEntry from "./ServerEntry.ts"

/** A server of our own configuration. */
export interface Written {
  readonly name: string
  /** As messages name it: `gleitzeit.config.yaml`. */
  readonly from: string
  readonly server: McpSection.Server
  /** Absolute: what its paths are relative to. */
  readonly folder: string
}

export interface Source {
  /** No two of one name. */
  readonly servers: ReadonlyArray<Written>
  /** Files of other programs, absolute. A name that was there before wins. */
  readonly imports?: ReadonlyArray<string>
  /** What stands for `${input:NAME}`. */
  readonly inputs?: { readonly [name: string]: string }
  /** A program that is the server `default`: that of `GLEITZEIT_MCP_SERVER_PATH`. */
  readonly program?: string
  /** Only servers that may have this tool are wanted. Default: all are. */
  readonly tool?: string
  /** The project's, absolute: `${workspaceFolder}`, and where servers run that do not say. */
  readonly folder: string
  /** The user's, absolute: `~`. */
  readonly home: string
}

export interface Configured {
  readonly name: string
  /** `gleitzeit.config.yaml`, `.mcp.json`, `GLEITZEIT_MCP_SERVER_PATH`. */
  readonly from: string
  /** Absent: it is switched off. */
  readonly server?: Server | Unusable
}

/** Each name once: the program, then our own servers, then those of other programs in the order of their files. */
export const read = (source: Source): Effect.Effect<ReadonlyArray<Configured>, never, Secrets.Secrets> =>
  Effect.gen(function* () {
    const { folder, home, imports = [], inputs = {}, program, servers } = source
    const fill = (from: string, base: string, asked: ReadonlyArray<Dialects.Input>) => ({
      from,
      base,
      folder,
      home,
      fill: Filling.make({ folder, home, inputs, asked })
    })
    const all = new Map<string, Configured>()
    const add = (one: Configured) => {
      if (!all.has(one.name)) all.set(one.name, one)
    }
    if (program !== undefined) add(programOf(program, source))
    for (const { folder, from, name, server } of servers) {
      if (!all.has(name)) add(yield* configured(name, from, server, fill(from, folder, [])))
    }
    for (const path of imports) {
      const from = nameOf(path, source)
      const document = ImportFile.read(path, from, folder)
      if (Result.isFailure(document)) {
        add({ name: from, from, server: { name: from, reason: document.failure } })
        continue
      }
      for (const [name, ones] of byName(document.success.servers)) {
        if (all.has(name)) continue
        const [{ place, server }, second] = ones
        const unusable = (reason: string) => add({ name, from, server: { name, reason } })
        if (second !== undefined) unusable(`${from} has it twice, as ${place} and as ${second.place}; keep one of them`)
        else if (Result.isFailure(server)) {
          unusable(server.failure.map((issue) => `${name}${issue} (${place} in ${from})`).join("; "))
        } else {
          add(yield* configured(name, from, server.success, fill(from, folder, document.success.inputs)))
        }
      }
    }
    const found = [...all.values()]
    return source.tool === undefined ? found : having(source.tool, found)
  })

/** Those that are not switched off. */
export const servers = (all: ReadonlyArray<Configured>): ReadonlyArray<Server | Unusable> =>
  all.flatMap(({ server }) => server ?? [])

/** What the settings say. `home`: the user's folder. */
export const ofSettings = ({ folder, mcp }: Pick<Settings.Settings, "folder" | "mcp">, home: string): Source => ({
  servers: Object.entries(mcp.servers).map(
    ([
      name,
      {
        from,
        value: { folder, ...server }
      }
    ]) => ({
      name,
      from,
      server,
      folder
    })
  ),
  imports: mcp.imports.value,
  inputs: Object.fromEntries(Object.entries(mcp.inputs).map(([name, { value }]) => [name, value])),
  ...(mcp.program === undefined ? {} : { program: mcp.program.value }),
  folder,
  home
})

// internal

/** Those that may have a tool of this name; all of them where none may. */
const having = (tool: string, all: ReadonlyArray<Configured>): ReadonlyArray<Configured> => {
  const some = all.filter(({ server }) => server !== undefined && "prefix" in server && tool.startsWith(server.prefix))
  return some.length === 0 ? all : some
}

const configured = (
  name: string,
  from: string,
  server: McpSection.Server,
  surroundings: Omit<ServerEntry.Surroundings, "name" | "from">
): Effect.Effect<Configured, never, Secrets.Secrets> =>
  server.disabled === true
    ? Effect.succeed({ name, from })
    : Effect.map(ServerEntry.read(server, { ...surroundings, name, from }), (server) => ({ name, from, server }))

/** In the order in which each name stands first. */
const byName = (all: ReadonlyArray<Dialects.Imported>) => {
  const named = new Map<string, [Dialects.Imported, ...ReadonlyArray<Dialects.Imported>]>()
  for (const one of all) {
    const before = named.get(one.name)
    named.set(one.name, before === undefined ? [one] : [...before, one])
  }
  return named
}

const variable = "GLEITZEIT_MCP_SERVER_PATH"

/** Run by what its ending says; any other by itself. */
const programOf = (written: string, { folder, home }: Source): Configured => {
  const path = Paths.absolute(written, resolve("."), home)
  const [command, ...args] = /\.[cm]?js$/.test(path)
    ? [process.execPath, path]
    : path.endsWith(".py")
      ? ["python3", path]
      : [path]
  const name = "default"
  if (!existsSync(path))
    return { name, from: variable, server: { name, reason: `${variable}: there is no file ${path}` } }
  const server = ServerEntry.plain(name, { _tag: "Stdio", command, args, env: {}, cwd: folder }, [folder])
  return { name, from: variable, server }
}

/** Relative to the project's folder, or with `~`. */
const nameOf = (path: string, { folder, home }: Source): string => {
  for (const [start, sign] of [
    [folder, ""],
    [home, `~${sep}`]
  ] as const) {
    if (path.startsWith(`${start}${sep}`)) return `${sign}${path.slice(start.length + 1)}`
  }
  return path
}
