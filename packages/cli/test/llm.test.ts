/** The program as it is published, in a process of its own, and a server that speaks as Ollama does or fails as it does. */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { place, type Said } from "./command.ts"
import * as Program from "./program.ts"

const bin = Program.bin()

const gz = (folder: string, url: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<Said>((resume) => {
    const env = {
      PATH: process.env["PATH"],
      LANG: "C.UTF-8",
      HOME: folder,
      XDG_DATA_HOME: join(folder, "data"),
      GLEITZEIT_OLLAMA_URL: url
    }
    const child = execFile(process.execPath, [bin, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      const exit = error === null ? 0 : typeof error.code === "number" ? error.code : -1
      resume(Effect.succeed({ exit, stdout, stderr }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const document = (...path: ReadonlyArray<string>): string => readFileSync(join(import.meta.dirname, ...path), "utf8")

interface Mishap {
  readonly task: string
  readonly behaviour: MiniOllama.Behaviour
  /** Default `llama3.2`. */
  readonly model?: string
  readonly error: string
  readonly told: RegExp
}

const unavailable = "PROVIDER_NOT_AVAILABLE"

const mishaps: ReadonlyArray<Mishap> = [
  {
    task: "no_model",
    model: "nobody-has-it",
    behaviour: { status: 404, body: { error: "model 'nobody-has-it' not found" } },
    error: "MODEL_NOT_FOUND",
    told: /nobody-has-it.*it has .*llama3\.2.*ollama pull nobody-has-it/
  },
  {
    task: "overloaded",
    behaviour: { status: 503, body: { error: "server busy" } },
    error: "PROVIDER_OVERLOADED",
    told: /503: server busy/
  },
  {
    task: "error_object",
    behaviour: { status: 500, body: { error: { message: "out of memory" } } },
    error: unavailable,
    told: /500: out of memory/
  },
  {
    task: "html",
    behaviour: { status: 502, body: "<h1>Bad Gateway</h1>" },
    error: unavailable,
    told: /502: Bad Gateway/
  },
  {
    task: "html_at_200",
    behaviour: { status: 200, body: "<p>Log in</p>" },
    error: unavailable,
    told: /not what an Ollama server sends: "<p>Log in/
  },
  {
    task: "given_up",
    behaviour: { lineAfter: 1, line: `{"error":"CUDA error"}` },
    error: unavailable,
    told: /in the middle of its answer: CUDA error/
  },
  { task: "truncated", behaviour: { endAfter: 1 }, error: unavailable, told: /ended before it was complete/ },
  { task: "cut", behaviour: { cutAfter: 1 }, error: unavailable, told: /the connection to .* broke/ },
  { task: "garbled", behaviour: { insertAfter: 1, line: "{oops" }, error: unavailable, told: /sends: "\{oops/ },
  { task: "mute", behaviour: { hold: "headers" }, error: "PROVIDER_TIMEOUT", told: /waiting for the first token/ }
]

/** One task after the other, whatever becomes of them. */
const failing = JSON.stringify({
  name: "Everything fails",
  defaults: { retry: { max_attempts: 1 } },
  tasks: mishaps.map(({ model = "llama3.2", task }, index) => ({
    id: task,
    method: "llm/chat",
    on_error: "continue",
    dependencies: mishaps.slice(Math.max(0, index - 1), index).map(({ task }) => task),
    params: { prompt: "say it", model }
  }))
})

describe("the program and Ollama", () => {
  it.live("a model's words reach the next model and Python to the letter", () =>
    Effect.gen(function* () {
      const findings = `Structured concurrency, "twice":\n1. task groups\n2. scopes \\ 並行 \${not.mine}`
      const answers = ["Three words here", findings]
      const mini = yield* MiniOllama.start({ models: ["llama3"], replies: () => answers.pop() ?? "" })
      const { file, folder } = yield* place()
      const path = file("research_workflow.yaml", document("../../core/test/fixtures/seed-names.yaml"))
      const { exit, stderr, stdout } = yield* gz(folder, mini.url, "run", path, "--json")
      assert.deepStrictEqual([exit, stderr], [0, ""])
      const { tasks } = JSON.parse(stdout)
      assert.strictEqual(tasks.initial_research.result.content, findings)
      assert.deepStrictEqual(tasks.process_data.result.result, { processed: 3, summary: "Three words here" })
      assert.nestedInclude(mini.requests().at(-1)?.body, {
        "messages[0].content": `Analyze these findings: ${findings}`
      })
    })
  )

  it.live("a report on what three scripts have made is saved by a fourth", () =>
    Effect.gen(function* () {
      const report = `It's a "report":\n- one\n- two`
      const mini = yield* MiniOllama.start({ replies: () => report })
      const { file, folder } = yield* place()
      file("extractors/db_extract.py", `result = [{"id": id, "from": args["database"]} for id in (1, 2)]`)
      file("validators/data_validator.py", `result = [row for row in args["data"] if row["from"] == "production"]`)
      file("transformers/data_transformer.py", `result = [row["id"] * 10 for row in args["validated_data"]]`)
      const path = file("data_pipeline.json", document("seeds/data_pipeline.json"))
      const { exit, stderr, stdout } = yield* gz(folder, mini.url, "run", path, "--json")
      assert.deepStrictEqual([exit, stderr], [0, ""])
      assert.strictEqual(JSON.parse(stdout).tasks["Save Results"].result.result, "Saved 2 records with analysis")
      const { analysis, data } = JSON.parse(readFileSync(join(folder, "results.json"), "utf8"))
      assert.deepStrictEqual([analysis, data], [report, [10, 20]])
      assert.nestedInclude(mini.requests().at(-1)?.body, { "messages[1].content": "Analyze: [10,20]" })
    })
  )

  it.live("whatever goes wrong with a server, --json prints one document and nothing else", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      mini.script(...mishaps.map(({ behaviour }) => behaviour))
      const { file, folder } = yield* place()
      file("gleitzeit.config.yaml", "providers: { ollama: { first_token_timeout: 300ms } }\n")
      const { stderr, stdout } = yield* gz(folder, mini.url, "run", file("failing.json", failing), "--json")
      assert.strictEqual(stderr, "")
      assert.match(stdout, /^[^\n]+\n$/)
      const { tasks } = JSON.parse(stdout)
      for (const { error, task, told } of mishaps) {
        assert.strictEqual(tasks[task].error?.name, error, `${task}: ${JSON.stringify(tasks[task])}`)
        assert.match(tasks[task].error.message, told)
      }
    })
  )

  it.live("without a server, --json says where one was looked for and how to start one, exit 5", () =>
    Effect.gen(function* () {
      const { stop, url } = yield* MiniOllama.start()
      yield* stop
      const { file, folder } = yield* place()
      const task = "{ id: a, method: llm/chat, params: { prompt: hi }, retry: { max_attempts: 1 } }"
      const { exit, stderr, stdout } = yield* gz(folder, url, "run", file("hello.yaml", `tasks: [${task}]\n`), "--json")
      assert.strictEqual(stderr, "")
      const { message } = JSON.parse(stdout).tasks.a.error
      assert.include(message, url)
      assert.include(message, "ollama serve")
      assert.strictEqual(exit, 5, stdout)
    })
  )
})
