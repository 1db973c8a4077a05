/** What carries a task at its level: a start of Python, a fork of a warm one, a container; and what it finds there. */
import type { Errors, PythonV1 } from "@gleitzeit/core"
import { Effect, Scope, Semaphore } from "effect"
import { dirname } from "node:path"
import type { NoContainers } from "./ContainerHost.ts"
import * as ContainerPool from "./ContainerPool.ts"
import * as ContainerSpec from "./ContainerSpec.ts"
import type { Interpreter } from "./Interpreter.ts"
import * as Process from "./Process.ts"
import type * as PythonTask from "./PythonTask.ts"
import * as Scratch from "./Scratch.ts"
import * as Zygote from "./Zygote.ts"

export interface Options {
  /** Whether tasks are forks of a warm interpreter; without it each is a start of Python. */
  readonly fork: boolean
  /** The folder of the Python sources. */
  readonly folder: string
  /** What every child process gets of this one's environment, and what every task gets beside it. */
  readonly inherited: Environment
  readonly env: Environment
  /** Containers at once. */
  readonly most: number
  readonly container: Omit<ContainerPool.Options, "most" | "sources">
}

/** What a task asks for. */
export interface Need {
  readonly level: PythonV1.Level
  readonly limits: PythonTask.Confinement["limits"]
  /** Not asked for in a container, which has its own. */
  readonly interpreter: Effect.Effect<Interpreter, Errors.ProviderUnavailable>
  readonly file: string | undefined
  readonly cwd: string | undefined
  readonly env: Environment
}

export type Found = Pick<
  PythonTask.Settings,
  "confinement" | "cwd" | "env" | "executable" | "folder" | "runner" | "scratch"
>

export interface Runners {
  /** For one task: its folder is gone when the scope closes. */
  readonly of: (
    need: Need
  ) => Effect.Effect<Found, Errors.ProviderUnavailable | NoContainers | Process.NotStarted, Scope.Scope>
  /** Why there are no containers; undefined where there are. */
  readonly lacking: Effect.Effect<string | undefined>
}

export const make = (options: Options): Effect.Effect<Runners, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { container, env, folder, fork, inherited, most } = options
    const scope = yield* Effect.scope
    const semaphore = yield* Semaphore.make(1)
    const pool = yield* ContainerPool.make({ sources: folder, most, ...container })
    const zygotes = new Map<string, Zygote.Zygote>()

    // what does not decide how it starts is no business of an interpreter that all tasks are copies of
    const zygote = (executable: string, env: Environment, ahead: boolean) =>
      Zygote.make({ launch: Zygote.interpreter({ executable, folder, env: { ...inherited, ...atStart(env) } }), ahead })

    /** A level has a warm interpreter of its own, which the code of a looser one cannot have touched. */
    const warm = (executable: string, level: PythonV1.Level) => {
      const key = `${level} ${executable}`
      return semaphore.withPermit(
        Effect.suspend(() => {
          const found = zygotes.get(key)
          if (found !== undefined) return Effect.succeed(found)
          return Effect.map(Scope.provide(zygote(executable, env, true), scope), (made) => {
            zygotes.set(key, made)
            return made
          })
        })
      )
    }

    const contained = Effect.fnUntraced(function* ({ cwd, env: more, file, limits }: Need) {
      const { scratchFolder } = ContainerSpec
      const readable = readableOf(file, cwd)
      const found: Found = {
        runner: yield* pool.runner({ limits, readable }),
        confinement: { level: "strict", limits, readable, writable: [scratchFolder] },
        executable: "",
        folder,
        env: { ...env, ...more },
        cwd: cwd ?? (file === undefined ? scratchFolder : dirname(file))
      }
      return found
    })

    const here = Effect.fnUntraced(function* ({ cwd, env: more, file, interpreter, level, limits }: Need) {
      const { executable } = yield* interpreter
      const scratch = isIsolated(level) ? yield* Effect.acquireRelease(Scratch.make, Scratch.remove) : undefined
      const { run: runner } = !fork
        ? Process
        : Object.keys(atStart(more)).length === 0
          ? yield* warm(executable, level)
          : yield* zygote(executable, { ...env, ...more }, false)
      const found: Found = {
        runner,
        confinement: {
          level,
          limits,
          readable: readableOf(file, cwd),
          writable: scratch === undefined ? [] : [scratch]
        },
        executable,
        folder,
        env: { ...inherited, ...env, ...(scratch === undefined ? {} : { TMPDIR: scratch }), ...more },
        ...(cwd === undefined ? {} : { cwd }),
        ...(scratch === undefined ? {} : { scratch })
      }
      return found
    })

    return { of: (need) => (need.level === "container" ? contained(need) : here(need)), lacking: pool.lacking }
  })

/** Whether the code is kept from what it has not been given. */
export const isIsolated = (level: PythonV1.Level): boolean => level !== "none" && level !== "rlimit"

// internal

interface Environment {
  readonly [name: string]: string
}

/** What Python and the C library look at once, when they start: a fork does not see it. */
const readAtStart = /^(PYTHON|LC_|LANG|LD_|DYLD_|MALLOC_|GLIBC_)/

const atStart = (env: Environment): Environment =>
  Object.fromEntries(Object.entries(env).filter(([name]) => readAtStart.test(name)))

/** A file runs beside its neighbours. */
const readableOf = (file: string | undefined, cwd: string | undefined): ReadonlyArray<string> => [
  ...(file === undefined ? [] : [dirname(file)]),
  ...(cwd === undefined ? [] : [cwd])
]
