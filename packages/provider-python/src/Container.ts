/**
 * A warm interpreter in a container of its own: the same zygote, started by a container engine instead of this process.
 * Its tasks connect to the socket of this process, which is shared with the container. The container is removed with
 * the scope. Linux, with an engine of the same machine.
 */
import { Effect, Queue, type Scope } from "effect"
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import type { Engine, EngineFailed } from "./ContainerEngine.ts"
import * as ContainerOwner from "./ContainerOwner.ts"
import * as ContainerSpec from "./ContainerSpec.ts"
import * as Process from "./Process.ts"
import * as Zygote from "./Zygote.ts"

/** Fails when the engine does not do it, or not with all of the limits. */
export const launch =
  (engine: Engine, spec: ContainerSpec.Spec): Zygote.Launch =>
  (folder, token) =>
    Effect.gen(function* () {
      const socket = join(folder, Zygote.socketName)
      // its user is another; nobody else gets past the folder
      yield* Effect.promise(() => chmod(socket, 0o666))
      const body = ContainerSpec.body(spec, { socket, token, labels: ContainerOwner.labels(folder) })
      const { id, warnings } = yield* Effect.acquireRelease(engine.create(body), ({ id }) =>
        Effect.ignore(engine.remove(id))
      )
      const unkept = warnings.filter((warning) => /discarded/i.test(warning))
      if (unkept.length > 0) {
        return yield* notStarted(`the container engine does not keep its limits: ${unkept.join("; ")}`)
      }
      yield* engine.start(id)
      const events = yield* Queue.unbounded<Process.Event>()
      yield* Effect.forkScoped(watched(engine, id, spec, events), { startImmediately: true })
      return { events, killGroup: nothing }
    }).pipe(Effect.catchTag("EngineFailed", ({ reason }) => notStarted(`no container can be started: ${reason}`)))

// internal

/** Its numbers of processes are not those of this machine; with the container they are all gone. */
const nothing = () => {}

const notStarted = (reason: string) => Effect.fail(new Process.NotStarted({ reason, missing: false }))

/** An engine does not always say that it was out of memory. */
const whyOf = (code: number, memory: number): string => {
  // of a container that is gone an engine says that all was well
  if (code === 0) return "the container was removed, or told to end"
  if (code !== killed) return ""
  return `the container was killed, as it is when it holds more than its memory of ${Math.round(memory / 1024 ** 2)} MiB`
}

const killed = 137

const watched = (
  engine: Engine,
  id: string,
  { memory }: ContainerSpec.Spec,
  events: Queue.Enqueue<Process.Event>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const code = yield* engine.wait(id)
    const logs = yield* Effect.orElseSucceed(engine.logs(id), () => "")
    const words = [logs.trim(), whyOf(code, memory)].join("\n").trim()
    return { words, ended: { code, signal: undefined } }
  }).pipe(
    Effect.catchTag("EngineFailed", ({ reason }: EngineFailed) =>
      Effect.succeed({ words: reason, ended: { code: undefined, signal: "its container engine" } })
    ),
    Effect.map(({ ended, words }) => {
      if (words !== "") Queue.offerUnsafe(events, { _tag: "Stderr", bytes: Buffer.from(words) })
      Queue.offerUnsafe(events, { _tag: "Exited", ...ended })
      Queue.offerUnsafe(events, { _tag: "Closed", ...ended })
    })
  )
