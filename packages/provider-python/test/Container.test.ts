import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Container from "../src/Container.ts"
import * as ContainerEngine from "../src/ContainerEngine.ts"
import * as ContainerPool from "../src/ContainerPool.ts"
import * as Process from "../src/Process.ts"

const spec = { ...ContainerPool.defaults.limits, image: "python", python: "python3", sources: "/srv", readable: [] }

/** One that does as it is told here, and notes what it was asked for. */
const engineOf = (told: Partial<ContainerEngine.Engine>, asked: Array<string>): ContainerEngine.Engine => ({
  ...ContainerEngine.make("/nowhere/engine.sock"),
  create: () => Effect.succeed({ id: "abc", warnings: [] }),
  start: (id) => Effect.sync(() => void asked.push(`start ${id}`)),
  remove: (id) => Effect.sync(() => void asked.push(`remove ${id}`)),
  ...told
})

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "gleitzeit-test-"))
    writeFileSync(join(folder, "tasks"), "", { mode: 0o600 })
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** What is told of its end. */
const endOf = (told: Partial<ContainerEngine.Engine>) =>
  Effect.gen(function* () {
    const { events } = yield* Container.launch(engineOf(told, []), spec)(yield* folder, "token")
    let words = ""
    const ended = yield* Process.follow(events, ({ bytes }) =>
      Effect.sync(() => {
        words += Buffer.from(bytes).toString()
      })
    )
    return { ...ended, words }
  })

describe.skipIf(process.platform !== "linux")("a container", () => {
  it.live("is removed with the scope, and its user may connect to the socket meanwhile", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const engine = engineOf({ wait: () => Effect.never }, asked)
      const place = yield* folder
      const { events } = yield* Effect.scoped(Container.launch(engine, spec)(place, "token"))
      assert.deepStrictEqual(asked, ["start abc", "remove abc"])
      assert.strictEqual(statSync(join(place, "tasks")).mode & 0o777, 0o666)
      assert.strictEqual(yield* Queue.size(events), 0)
    })
  )

  it.live("is not begun with fewer limits than it was asked for, and is removed", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const warnings = ["Your kernel does not support memory limit capabilities. Limitation discarded."]
      const engine = engineOf({ create: () => Effect.succeed({ id: "abc", warnings }) }, asked)
      const { reason } = yield* Effect.flip(Effect.scoped(Container.launch(engine, spec)(yield* folder, "token")))
      assert.include(reason, "the container engine does not keep its limits: Your kernel")
      assert.deepStrictEqual(asked, ["remove abc"])
    })
  )

  it.live("is begun without a limit of swap, which no machine has to have", () =>
    Effect.gen(function* () {
      const warnings = ["Your kernel does not support swap limit capabilities. Memory limited without swap."]
      const create = () => Effect.succeed({ id: "abc", warnings })
      assert.strictEqual((yield* endOf({ create, wait: () => Effect.succeed(3) })).code, 3)
    })
  )

  it.live("says what it is not begun for, and is removed all the same", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const failure = new ContainerEngine.EngineFailed({ reason: "no such file: python3", status: 400 })
      const engine = engineOf({ start: () => Effect.fail(failure) }, asked)
      const { reason } = yield* Effect.flip(Effect.scoped(Container.launch(engine, spec)(yield* folder, "token")))
      assert.strictEqual(reason, "no container can be started: no such file: python3")
      assert.deepStrictEqual(asked, ["remove abc"])
    })
  )

  it.live("ends with what it has written, and with what its exit code means", () =>
    Effect.gen(function* () {
      const logs = () => Effect.succeed("Traceback\n")
      assert.deepInclude(yield* endOf({ logs, wait: () => Effect.succeed(1) }), { code: 1, words: "Traceback" })
      const killed = yield* endOf({ logs: () => Effect.succeed(""), wait: () => Effect.succeed(137) })
      assert.include(killed.words, "more than its memory of 512 MiB")
      const gone = new ContainerEngine.EngineFailed({ reason: "nothing listens there", status: undefined })
      const lost = yield* endOf({ wait: () => Effect.fail(gone) })
      assert.deepInclude(lost, { code: undefined, signal: "its container engine", words: "nothing listens there" })
    })
  )
})
