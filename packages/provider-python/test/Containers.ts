/** What tests of containers share: the engine and the image that they use, and a task in a container. */
import { type Failure, TaskContext } from "@gleitzeit/core"
import { Config, Effect, Option, Result, type Schema, type Scope } from "effect"
import { request } from "node:http"
import { join } from "node:path"
import * as ContainerHost from "../src/ContainerHost.ts"
import * as ContainerPool from "../src/ContainerPool.ts"
import * as PythonTask from "../src/PythonTask.ts"
import type { Lost } from "../src/Zygote.ts"
import type { NotStarted } from "../src/Process.ts"
import { type Chunk, context } from "./Tasks.ts"

const sources = join(import.meta.dirname, "../src/python")

export interface Engine {
  readonly host: string
  readonly image: string
}

/**
 * The engine that `GLEITZEIT_TEST_DOCKER_HOST` names, else the one that is found, and the image that
 * `GLEITZEIT_TEST_IMAGE` names, else that of `fixtures/container/image.sh`, else the default. Fails with why there is
 * none.
 */
export const engine: Effect.Effect<Engine, string> = Effect.gen(function* () {
  const named = yield* variable("GLEITZEIT_TEST_DOCKER_HOST")
  const { engine } = yield* Effect.mapError(ContainerHost.find(named), ({ reason }) => reason)
  const wanted = yield* variable("GLEITZEIT_TEST_IMAGE")
  const images = wanted === undefined ? ["localhost/gleitzeit/python:test", ContainerPool.defaults.image] : [wanted]
  for (const image of images) {
    const found = yield* Effect.orElseSucceed(engine.image(image), () => undefined)
    if (found !== undefined) return { host: engine.where, image }
  }
  return yield* Effect.fail(`${engine.where} has none of the images ${images.join(", ")}`)
})

/** For the name of a suite that is skipped; said aloud as well, as names of what is skipped are not shown. */
export const missing = (found: Result.Result<Engine, string>): string => {
  if (Result.isSuccess(found)) return ""
  process.stderr.write(`containers are not tested: ${found.failure}\n`)
  return ` (skipped: ${found.failure})`
}

export const pool = (
  engine: Engine,
  options: Partial<ContainerPool.Options> = {}
): Effect.Effect<ContainerPool.Pool, never, Scope.Scope> =>
  ContainerPool.make({ sources, most: 2, ...engine, ...options })

export interface How {
  /** Inside the container. Default `none`, so that it is the container that is tried. */
  readonly level?: "none" | "strict"
  readonly env?: { readonly [name: string]: string }
  readonly need?: ContainerPool.Need
  readonly emit?: (chunk: Chunk) => void
}

/** The `result` of some code. */
export const run = (
  pool: ContainerPool.Pool,
  code: string,
  { emit, env = {}, level = "none", need = {} }: How = {}
): Effect.Effect<Schema.Json, Failure.Failure | NotStarted | Lost | ContainerHost.NoContainers> =>
  Effect.gen(function* () {
    const runner = yield* pool.runner(need)
    const { readable = [] } = need
    const confinement = { level, limits: {}, readable, writable: ["/tmp"] }
    const settings = { runner, confinement, executable: "", folder: "", env, cwd: "/tmp" }
    const { report } = yield* PythonTask.run(
      { ...settings, maxOutput: 10_000, maxResult: 1_000_000 },
      { code },
      { check: false }
    )
    return report._tag === "Done" ? (report.result ?? null) : null
  }).pipe(Effect.provideService(TaskContext.TaskContext, context(emit)))

/** Ends it from outside, and leaves it there. */
export const kill = ({ host }: Engine, container: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const path = `/containers/${container}/kill`
    request({ socketPath: host.slice("unix://".length), method: "POST", path }, (response) => {
      response.resume().on("end", () => resume(Effect.void))
    }).end()
  })

// internal

const variable = (name: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.result(Config.option(Config.String(name))), (value) =>
    Result.isSuccess(value) ? Option.getOrUndefined(value.success) : undefined
  )
