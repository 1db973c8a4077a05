/** Every example runs offline on the real engine, and says what it should of its real inputs. */
import { assert, describe, it } from "@effect/vitest"
import {
  BuiltIn,
  Executor,
  Files,
  Gleitzeit,
  MemoryStore,
  Providers,
  type Run,
  Secrets,
  Simulator
} from "@gleitzeit/core"
import { PythonProvider } from "@gleitzeit/provider-python"
import { Effect, Layer, type Schema } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = import.meta.dirname

const Engine = Gleitzeit.layer().pipe(
  Layer.provideMerge(Executor.layerLocal),
  Layer.provide(Layer.mergeAll(PythonProvider.layer(), Simulator.layer({ when: "always" }), BuiltIn.layer)),
  Layer.provide(Providers.layer),
  Layer.provide(MemoryStore.layer),
  Layer.provide(Files.layer()),
  Layer.provide(Secrets.layer)
)

type Inputs = { readonly [name: string]: Schema.Json }

/**
 * Reads, checks and runs an example; a complaint of any kind about its file fails the test. What it waits for is
 * answered; without an answer it is left waiting.
 */
const run = Effect.fnUntraced(function* (example: string, inputs: Inputs = {}, answers: Inputs = {}) {
  const folder = join(root, example)
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const file = ["workflow.yaml", "workflow.json"].map((name) => join(folder, name)).find((path) => existsSync(path))
  if (file === undefined) return yield* Effect.die(new Error(`${folder} has no workflow.yaml or workflow.json`))
  const { diagnostics, workflow } = yield* gleitzeit.check({ text: readFileSync(file, "utf8"), file })
  assert.deepStrictEqual(diagnostics, [])
  if (workflow === undefined) return yield* Effect.die(new Error(`${file} has no complaint and no workflow`))
  let outcome = yield* gleitzeit.run(workflow, { folder, inputs })
  for (;;) {
    const open = outcome.waiting.find(({ request }) => Object.hasOwn(answers, request))
    if (open === undefined) return yield* gleitzeit.get(outcome.run)
    yield* gleitzeit.respond(outcome.run, open.request, answers[open.request] ?? null, "the test")
    outcome = yield* gleitzeit.wait(outcome.run)
  }
})

/** What the simulator answers is not looked at, only that it has. */
const text = (value: unknown): string => {
  assert.isString(value)
  const found = String(value)
  assert.isAbove(found.length, 0)
  return found
}

const field = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce(
    (inner, step) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, step) : undefined),
    value
  )

const words = (file: string): number => readFileSync(join(root, file), "utf8").split(/\s+/).filter(Boolean).length

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

interface Expectation {
  readonly inputs?: Inputs
  /** By request: what is answered to a run that waits. */
  readonly answers?: Inputs
  readonly holds: (report: Run.Report) => void
}

const expected: { readonly [example: string]: Expectation } = {
  "01-research": {
    inputs: { topic: "tide tables", limit: 4 },
    holds: ({ outputs, tasks }) => {
      const findings = text(outputs?.["findings"])
      assert.isTrue(tasks["research"]?.simulated)
      assert.strictEqual(field(outputs, "measured", "developments"), 4)
      assert.strictEqual(field(outputs, "measured", "findings_words"), findings.split(/\s+/).length)
      assert.strictEqual(field(outputs, "measured", "analysis_words"), text(outputs?.["analysis"]).split(/\s+/).length)
    }
  },
  "02-parallel-sources": {
    holds: ({ outputs }) => {
      assert.deepStrictEqual(outputs?.["figures"], {
        orders: 14,
        products: {
          "rye loaf": { pieces: 130, cents: 104 * 420 + 26 * 450 },
          "spelt roll": { pieces: 517, cents: 427 * 95 + 90 * 100 },
          "plum cake": { pieces: 67, cents: 34 * 310 + 33 * 320 }
        },
        days: {
          "2026-10-05": 14 * 420 + 60 * 95 + 38 * 420 + 21 * 310,
          "2026-10-06": 11 * 420 + 8 * 310 + 140 * 95,
          "2026-10-07": 72 * 95 + 5 * 310 + 41 * 420 + 155 * 95,
          "2026-10-10": 26 * 450 + 90 * 100 + 33 * 320
        },
        best_day: "2026-10-07"
      })
      text(outputs?.["report"])
    }
  },
  "03-documents": {
    holds: ({ outputs }) => {
      const names = ["field-report", "incident-report", "meeting-notes"]
      const counted = names.map((name) => words(`03-documents/docs/${name}.txt`))
      assert.deepStrictEqual(
        names.map((name) => field(outputs, "documents", name, "words")),
        counted
      )
      assert.deepStrictEqual(
        names.map((name) => field(outputs, "documents", name, "dates")),
        [6, 6, 9]
      )
      assert.strictEqual(
        outputs?.["words"],
        counted.reduce((sum, count) => sum + count, 0)
      )
      assert.deepStrictEqual(outputs?.["next"], {
        document: "incident-report",
        action: "Software: the night check fails when it has not reached the machine itself, by 2026-08-31",
        day: "2026-08-31"
      })
      text(outputs?.["brief"])
    }
  },
  "04-conditions": {
    holds: ({ outputs, tasks }) => {
      assert.deepStrictEqual(field(outputs, "filed", "because"), ["water"])
      assert.strictEqual(tasks["answer"]?.status, "skipped")
      assert.strictEqual(field(outputs, "filed", "alarm"), field(tasks["alarm"]?.result, "content"))
      assert.strictEqual(field(outputs, "filed", "reply"), field(tasks["soothe"]?.result, "content"))
    }
  },
  "05-foreach-files": {
    holds: ({ outputs, tasks }) => {
      const letters = readdirSync(join(root, "05-foreach-files/letters"))
      assert.deepStrictEqual(outputs?.["list"], {
        orders: [2033, 2041, 2057],
        words: letters.map((name) => words(`05-foreach-files/letters/${name}`)).reduce((sum, count) => sum + count, 0),
        cents_mentioned: 11840 + 3900 + 9500 + 2500 + 6350 + 18000 + 5000 + 5000,
        replies: letters.length
      })
      assert.deepStrictEqual(
        letters.map((_, index) => field(tasks[`look[${index}]`]?.result, "result", "from")),
        ["Edith Harrow", "Marek Brandt", "Solomon Quill"]
      )
    }
  },
  "06-retry": {
    holds: ({ outputs, tasks }) => {
      assert.strictEqual(tasks["fetch"]?.attempts, 2)
      assert.strictEqual(outputs?.["notice"], "High water at 03:12 and 15:41, read on attempt 2")
    }
  },
  "07-typed-inputs": {
    holds: ({ outputs }) => {
      const net = 22 * 890 + 2 * 6450 + 3 * 38000
      const afterDiscount = net - Math.round(net * 0.025)
      assert.strictEqual(outputs?.["total"], afterDiscount + Math.round(afterDiscount * 0.19))
      assert.strictEqual(field(outputs, "lines", 1, "cents"), 12900)
      text(outputs?.["subject"])
      text(outputs?.["body"])
    }
  },
  "08-id-parameters": {
    inputs: { year: 2024 },
    holds: ({ outputs, tasks }) => {
      assert.strictEqual(outputs?.["millimetres"], 767)
      assert.strictEqual(field(tasks["analyze"]?.result, "model"), "llama3.2")
      assert.strictEqual(outputs?.["line"], field(tasks["report"]?.result, "content"))
    }
  },
  "09-typescript": {
    holds: ({ outputs }) => assert.deepStrictEqual(outputs, { longest: "ferry", words: 7 })
  },
  "10-ask-a-person": {
    answers: { review: { approved: true, comment: "with our apologies" }, payment: "voucher" },
    holds: ({ outputs, waiting }) => {
      const cents = Math.floor((4290 + 4290 + 1850) / 2)
      const letter = { to: "Ida Wolff", cents, payment: "voucher", remark: "with our apologies" }
      assert.deepStrictEqual(outputs, { letter })
      assert.deepStrictEqual(waiting, [])
    }
  },
  "11-loop-and-nested": {
    holds: ({ outputs, tasks }) => {
      const lengths = [55, 46, 51, 47, 44].map((length) => length + 1)
      const upTo = (count: number) => lengths.slice(0, count).reduce((sum, length) => sum + length, 0)
      assert.deepStrictEqual(outputs?.["lines"], [5, 3, 1])
      assert.deepStrictEqual(
        [0, 1, 2].map((board) => field(outputs, "notices", board, "characters")),
        [upTo(5), upTo(3), upTo(1)]
      )
      // what is left out is left out one line an iteration
      assert.strictEqual(tasks["board[1]/fit~3"]?.status, "completed")
      assert.notProperty(tasks, "board[1]/fit~4")
    }
  }
}

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && /^\d\d-/.test(entry.name))
  .map(({ name }) => name)

/** Those that run on the providers of this file: one with a configuration of its own has a test of its own. */
const examples = folders.filter(
  (name) =>
    ["workflow.yaml", "workflow.json"].some((file) => existsSync(join(root, name, file))) &&
    !existsSync(join(root, name, "gleitzeit.config.yaml"))
)

describe("examples", () => {
  it("each has an expectation, and each expectation an example", () =>
    assert.deepStrictEqual(Object.keys(expected), examples.toSorted()))

  for (const example of examples) {
    it.live(`${example} completes with what its inputs say`, () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const { answers, holds, inputs } = expected[example] ?? {
          holds: () => assert.fail("nothing is expected of it")
        }
        const report = yield* run(example, example === "06-retry" ? { folder } : inputs, answers)
        assert.strictEqual(report.status, "completed", JSON.stringify(report.tasks, null, 2))
        holds(report)
      }).pipe(Effect.provide(Engine))
    )
  }

  it.each(folders)("%s says in at most 30 lines what it is", (example) => {
    const lines = readFileSync(join(root, example, "README.md"), "utf8")
      .trimEnd()
      .split("\n")
    assert.isAtMost(lines.length, 30)
  })

  it.live("04-conditions answers what is not urgent", () =>
    Effect.gen(function* () {
      const { outputs, status, tasks } = yield* run("04-conditions", { message: "When are the stairs painted?" })
      assert.strictEqual(status, "completed")
      assert.deepStrictEqual([tasks["alarm"]?.status, tasks["soothe"]?.status], ["skipped", "skipped"])
      assert.isNull(field(outputs, "filed", "alarm"))
      assert.strictEqual(field(outputs, "filed", "reply"), field(tasks["answer"]?.result, "content"))
    }).pipe(Effect.provide(Engine))
  )

  it.live("07-typed-inputs refuses a discount that it does not allow", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(run("07-typed-inputs", { discount: 50 }))
      assert.include(error.message, "discount")
    }).pipe(Effect.provide(Engine))
  )

  it.live("10-ask-a-person waits for what nobody has answered, and a no leaves out what follows a yes", () =>
    Effect.gen(function* () {
      const asked = yield* run("10-ask-a-person")
      assert.strictEqual(asked.status, "waiting")
      assert.deepStrictEqual(
        asked.waiting.map(({ kind, prompt, request }) => ({ kind, prompt, request })),
        [{ kind: "approval", prompt: "Refund 5215 cents (50 %) to Ida Wolff?", request: "review" }]
      )
      const { outputs, status, tasks } = yield* run("10-ask-a-person", {}, { review: "no" })
      assert.strictEqual(status, "completed")
      assert.strictEqual(tasks["payment"]?.status, "skipped")
      assert.strictEqual(field(outputs, "letter", "payment"), "none")
    }).pipe(Effect.provide(Engine))
  )

  const printed = (example: string) =>
    execFileSync(process.execPath, ["--conditions=gz-source", join(root, example, "run.ts")], { encoding: "utf8" })

  it("09-typescript runs from its own program", () =>
    assert.strictEqual(printed("09-typescript"), "completed { longest: 'lighthouse', words: 6 }\n"))

  it("14-typed-builder runs from its own program", () =>
    assert.match(printed("14-typed-builder"), /^completed \{\n {2}words: \d+,\n {2}digest: 'Simulated .*lighthouses/))
})
