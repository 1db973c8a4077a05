/** The attempts of `Escape.test.ts`, made by a task in a container: see `ContainerPool.integration.test.ts`. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { PythonProvider } from "../src/index.ts"
import * as Containers from "./Containers.ts"
import { call } from "./Tasks.ts"

const found = await Effect.runPromise(Effect.result(Containers.engine))
const missing = Containers.missing(found)

const source = readFileSync(join(import.meta.dirname, "fixtures/escape/attempts.py"), "utf8")

/** One has its own folder for a home; one is held back by its end. */
const others = ["lists_the_home_of_its_user", "calls_as_a_32_bit_program"]
const attempts = [...source.matchAll(/^def (\w+)\(world\):\n {4}"""(.*)"""$/gm)]
  .map(([, name = "", title = ""]) => ({ name, title }))
  .filter(({ name }) => !others.includes(name))

const code = `${source}
result = outcomes(args)`

/** What is this machine's has no name there; what is the container's is there under names that are known. */
const world = {
  folder: import.meta.dirname,
  theirs: import.meta.dirname,
  secret: import.meta.filename,
  engine: process.pid,
  port: 9,
  socket: "/run/gleitzeit/tasks",
  abstract: "escape",
  tasks: ["/run/gleitzeit/tasks"]
}

/** How it says no: not how a broken attempt fails. */
const refusals = "PermissionError OSError BlockingIOError MemoryError FileNotFoundError ProcessLookupError".split(" ")

const Outcomes = Schema.Struct({
  result: Schema.Record(
    Schema.String,
    Schema.Struct({ type: Schema.optionalKey(Schema.String), through: Schema.optionalKey(Schema.String) })
  )
})

describe.skipIf(Result.isFailure(found))(`no task in a container${missing}`, () => {
  let outcomes: (typeof Outcomes.Type)["result"] = {}

  beforeAll(() =>
    Effect.gen(function* () {
      const container = yield* Effect.fromResult(found)
      const provider = yield* PythonProvider.make({ container, sandbox: "container", maxMemory: 256 * 1024 ** 2 })
      const names = attempts.map(({ name }) => name)
      const answer = yield* call(provider, "python/execute", { code, args: { names, world } })
      outcomes = Schema.decodeUnknownSync(Outcomes)(answer).result
    }).pipe(Effect.scoped, Effect.runPromise)
  )

  it.each(attempts)("$title", ({ name }) => {
    assert.include(refusals, outcomes[name]?.type, JSON.stringify(outcomes[name]))
  })
})
