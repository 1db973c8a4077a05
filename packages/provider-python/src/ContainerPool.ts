/**
 * Warm containers, each for one task at a time: its limits are that task's alone, and the files of a task are gone
 * before the next. Opened by the first task; found, missing and dead ones are matters of the call that meets them.
 * A container that has lost its task, or had to be told to stop, is removed; the next task gets another.
 */
import { Effect, Exit, Result, Scope, Semaphore } from "effect"
import { statSync } from "node:fs"
import * as Container from "./Container.ts"
import type { Image } from "./ContainerEngine.ts"
import * as ContainerHost from "./ContainerHost.ts"
import * as ContainerOwner from "./ContainerOwner.ts"
import * as ContainerSpec from "./ContainerSpec.ts"
import type { Runner } from "./PythonTask.ts"
import * as Zygote from "./Zygote.ts"

export interface Options {
  /** The folder of `zygote.py`. */
  readonly sources: string
  /** Containers at once; further tasks wait. */
  readonly most: number
  /** The socket of a container engine, `unix:///path`. Default: `DOCKER_HOST`, then the usual ones. */
  readonly host?: string
  /** Never pulled. Default `docker.io/library/python:3.13-slim`; Python is to be 3.8 or newer. */
  readonly image?: string
  /** Python in the image. Default `python3`. */
  readonly python?: string
  /** Defaults: 512 MiB, 1 processor, 64 processes, 64 MiB of `/tmp`. */
  readonly limits?: Partial<ContainerSpec.Limits>
}

/** What a task needs of its container. */
export interface Need {
  /** Beside those of all. */
  readonly limits?: Partial<ContainerSpec.Limits>
  /** Folders that it reads, absolute; they are there under the same path, as far as anybody may read them. */
  readonly readable?: ReadonlyArray<string>
}

export interface Pool {
  /** What runs a task. `env` is what it gets beside the image's own; a folder of this machine as `scratch` has no meaning. */
  readonly runner: (need?: Need) => Effect.Effect<Runner, ContainerHost.NoContainers>
  /** Why there are no containers here; undefined where there are. */
  readonly lacking: Effect.Effect<string | undefined>
}

export const defaults: { readonly image: string; readonly python: string; readonly limits: ContainerSpec.Limits } = {
  image: "docker.io/library/python:3.13-slim",
  python: "python3",
  limits: { memory: 512 * 1024 ** 2, cpus: 1, processes: 64, scratch: 64 * 1024 ** 2 }
}

export const make = (options: Options): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { image = defaults.image, python = defaults.python, sources } = options
    // of many the removal of one does not wait for that of another
    const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
    const finding = yield* Semaphore.make(1)
    const places = yield* Semaphore.make(options.most)
    const idle: Array<Warm> = []
    let count = 0
    let found: Found | undefined

    const find = Effect.gen(function* () {
      if (!ContainerSpec.isImage(image)) return yield* refuse(`${JSON.stringify(image)} is no name of an image`)
      const host = yield* ContainerHost.find(options.host)
      const { engine, program } = host
      const there = yield* Effect.catchTag(engine.image(image), "EngineFailed", ({ reason }) =>
        refuse(`${engine.where} cannot be asked for the image ${image}: ${reason}`)
      )
      if (there === undefined) {
        return yield* refuse(
          `the image ${image} is not there, and nothing is pulled by itself: ${program} pull ${image}`
        )
      }
      return { ...host, image: there }
    })

    /** Asked once it is there; what is not there is looked for again by the next. */
    const current = finding.withPermit(
      Effect.suspend(() =>
        found === undefined
          ? Effect.tap(find, (host) => {
              found = host
              return ContainerOwner.sweep(host.engine)
            })
          : Effect.succeed(found)
      )
    )

    const opened = ({ engine }: Found, key: string, spec: ContainerSpec.Spec): Effect.Effect<Warm> =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope)
        const zygote = yield* Scope.provide(Zygote.make({ launch: Container.launch(engine, spec) }), own)
        return { key, zygote, close: Scope.close(own, Exit.void) }
      })

    /** One of the kind that nobody uses; else another, in the place of one of another kind when all places are taken. */
    const obtain = (host: Found, spec: ContainerSpec.Spec): Effect.Effect<Warm> =>
      Effect.suspend(() => {
        const key = JSON.stringify(spec)
        const at = idle.findLastIndex((warm) => warm.key === key)
        const [same] = at < 0 ? [] : idle.splice(at, 1)
        if (same !== undefined) return Effect.succeed(same)
        const other = count < options.most ? undefined : idle.shift()
        if (other === undefined) count++
        return Effect.andThen(other?.close ?? Effect.void, opened(host, key, spec))
      })

    const back = (warm: Warm, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (Exit.isSuccess(exit)) {
          idle.push(warm)
          return Effect.void
        }
        return Effect.ensuring(
          warm.close,
          Effect.sync(() => count--)
        )
      })

    return {
      runner: ({ limits, readable = [] } = {}) =>
        Effect.gen(function* () {
          const folders = [...new Set(readable)].toSorted()
          const wrong = folders
            .map((folder) => ContainerSpec.unshareable(folder) ?? closed(folder))
            .find((reason) => reason !== undefined)
          if (wrong !== undefined) return yield* refuse(wrong)
          const host = yield* current
          const spec = { ...defaults.limits, ...options.limits, ...limits, image, python, sources, readable: folders }
          const run: Runner = ({ env, job, stdin }, take) =>
            places.withPermit(
              Effect.acquireUseRelease(
                obtain(host, spec),
                ({ zygote }) =>
                  zygote.run(
                    {
                      env: ContainerSpec.environment(host.image.env, env),
                      ...(job === undefined ? {} : { job }),
                      ...(stdin === undefined ? {} : { stdin })
                    },
                    take
                  ),
                back
              )
            )
          return run
        }),
      lacking: Effect.map(Effect.result(current), (result) =>
        Result.isSuccess(result) ? undefined : result.failure.reason
      )
    }
  })

// internal

interface Found extends ContainerHost.Host {
  readonly image: Image
}

interface Warm {
  readonly key: string
  readonly zygote: Zygote.Zygote
  readonly close: Effect.Effect<void>
}

/** Why the user of a container cannot enter it. */
const closed = (folder: string): string | undefined => {
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (stats === undefined || (stats.mode & 0o005) === 0o005) return undefined
  return `the folder ${folder} is closed to other users, and the code in a container is run by another: chmod o+rx ${folder}`
}

const refuse = (reason: string) => Effect.fail(new ContainerHost.NoContainers({ reason }))
