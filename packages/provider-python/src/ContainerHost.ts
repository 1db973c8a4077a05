/** Where a container engine of this machine is found, and why there is none. */
import { Config, Data, Effect, Option, Result } from "effect"
import { isAbsolute, join } from "node:path"
import * as ContainerEngine from "./ContainerEngine.ts"

/** There are no containers to be had here: why, and what would help. */
export class NoContainers extends Data.TaggedError("NoContainers")<{ readonly reason: string }> {}

export interface Host {
  readonly engine: ContainerEngine.Engine
  readonly program: ContainerEngine.Program
}

/**
 * The engine at `host` (`unix:///path`), else at `DOCKER_HOST`, and no other where one of them says so; otherwise the
 * first of Docker's and podman's usual sockets that answers.
 */
export const find = (host?: string): Effect.Effect<Host, NoContainers> =>
  Effect.gen(function* () {
    if (process.platform !== "linux") return yield* new NoContainers({ reason: elsewhere })
    const named = host ?? (yield* variable("DOCKER_HOST"))
    const home = yield* variable("HOME")
    const runtime = yield* variable("XDG_RUNTIME_DIR")
    const looked: Array<string> = []
    for (const place of named === undefined ? usual(home, runtime) : [named]) {
      const path = pathOf(place)
      if (Result.isFailure(path)) return yield* new NoContainers({ reason: path.failure })
      const engine = ContainerEngine.make(path.success)
      const program = yield* Effect.result(engine.program)
      if (Result.isSuccess(program)) return { engine, program: program.success }
      looked.push(`${engine.where} (${program.failure.reason})`)
    }
    return yield* new NoContainers({ reason: `no container engine answers: looked at ${looked.join(", ")}; ${remedy}` })
  })

/** The path of the socket. Only an engine of this machine will do: tasks connect to a socket in a folder of it. */
export const pathOf = (host: string): Result.Result<string, string> => {
  const path = host.startsWith("unix://") ? host.slice("unix://".length) : host
  if (isAbsolute(path)) return Result.succeed(path)
  const shown = host.replace(/\/\/[^/]*@/, "//")
  return Result.fail(
    `the container engine is named as ${JSON.stringify(shown)}, expected a socket of this machine such as unix:///var/run/docker.sock: tasks connect to a folder that is shared with the container, which an engine elsewhere cannot see`
  )
}

/** In the order in which they are asked. */
export const usual = (home: string | undefined, runtime: string | undefined): ReadonlyArray<string> => [
  "/var/run/docker.sock",
  ...(runtime === undefined ? [] : [join(runtime, "docker.sock"), join(runtime, "podman", "podman.sock")]),
  ...(home === undefined ? [] : [join(home, ".docker", "run", "docker.sock")]),
  "/run/podman/podman.sock"
]

// internal

const elsewhere =
  "containers are there on Linux alone: elsewhere their engine runs in a virtual machine, which no socket of this one reaches"

const remedy =
  "start Docker, or podman's socket (systemctl --user enable --now podman.socket), or name one by DOCKER_HOST=unix:///path/of/the.sock"

/** An empty variable says nothing. */
const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )
