/**
 * Values against every way to write a reference. Some hundred programs on the Python that is found; with
 * `GLEITZEIT_TEST_FUZZ=24000` that many on each that is installed. `GLEITZEIT_TEST_FUZZ_SEED` repeats a run.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import type { PythonProvider } from "../src/index.ts"
import { cases } from "./Fuzz.ts"
import { fit } from "./Interpreters.ts"
import { execute } from "./Tasks.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const all = Number(process.env["GLEITZEIT_TEST_FUZZ"] ?? 0)
const seed = Number(process.env["GLEITZEIT_TEST_FUZZ_SEED"] ?? 1)

/** Programs in one process. */
const batch = 1000

const Found = Schema.decodeUnknownSync(
  Schema.Struct({
    version: Schema.Tuple([Schema.Int, Schema.Int]),
    outcomes: Schema.Array(
      Schema.Union([
        Schema.Struct({ value: Schema.Json }),
        Schema.Struct({ error: Schema.String, line: Schema.NullOr(Schema.Int), text: Schema.NullOr(Schema.String) }),
        Schema.Struct({ raised: Schema.String })
      ])
    )
  })
)

const run = (programs: ReturnType<typeof cases>, options?: PythonProvider.Options) =>
  Effect.map(
    execute(
      {
        file: path("fixtures/bind.py"),
        args: { folder: path("../src/python"), cases: programs.map(({ expected: _expected, ...bound }) => bound) }
      },
      options
    ),
    ({ result }) => Found(result)
  )

const fuzz = (count: number, seed: number, minor: number, options?: PythonProvider.Options) =>
  Effect.gen(function* () {
    for (let begin = 0; begin < count; begin += batch) {
      const programs = cases(Math.min(batch, count - begin), seed + begin, minor)
      const { outcomes, version } = yield* run(programs, options)
      for (const [index, { expected, source, values }] of programs.entries()) {
        const outcome = outcomes[index] ?? { raised: "nothing" }
        const what = `Python ${version.join(".")}, seed ${seed + begin}, ${index}:\n${source}\n${JSON.stringify(values)}`
        if (typeof expected === "string") {
          // also what is no Python at all, such as two references side by side
          if (!("error" in outcome)) assert.fail(`${what}\n${JSON.stringify(outcome)}`)
          assert.include(`${outcome.error} ${outcome.text}`, expected, what)
        } else assert.deepStrictEqual(outcome, { value: expected }, what)
      }
    }
  })

describe("values in programs of all kinds", () => {
  it.live("come out as they went in, and what stands for a name is refused by its own", () => fuzz(300, seed, 9))

  for (const [version, command] of all === 0 ? [] : fit) {
    it.live(
      `and so they do on Python ${version}`,
      () => fuzz(all, seed, Number(version.split(".")[1]), { command }),
      600_000
    )
  }
})
