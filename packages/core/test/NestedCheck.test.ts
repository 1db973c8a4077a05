import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Check from "../src/Check.ts"
import { DataV1 } from "../src/DataV1.ts"
import { format } from "../src/Diagnostic.ts"
import { LlmV1 } from "../src/LlmV1.ts"
import * as Protocol from "../src/Protocol.ts"
import { PythonV1 } from "../src/PythonV1.ts"
import { standard } from "../src/Retry.ts"
import type { Task, Workflow } from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { task, workflow } from "./Documents.ts"

const contracts = [LlmV1, PythonV1, DataV1].flatMap((protocol) => Protocol.contracts(protocol))

const load = (lines: ReadonlyArray<string>, files: { readonly [name: string]: string } = {}) =>
  Effect.runSync(
    WorkflowFile.load({ text: lines.join("\n"), file: "f.yaml" }, (folder, path) =>
      Effect.succeed(files[folder + path] ?? "")
    )
  )

const check = (lines: ReadonlyArray<string>, files?: { readonly [name: string]: string }) =>
  Check.check(load(lines, files), contracts).map(format)

/** A nested workflow as the second task, its keys from line 5 on. */
const nested = (keys: ReadonlyArray<string>, ...more: ReadonlyArray<string>) =>
  check([
    "tasks:",
    "  - { id: first, method: data/value }",
    "  - id: outer",
    "    workflow:",
    ...keys.map((key) => `      ${key}`),
    ...more
  ])

const one = "tasks: [{ id: a, method: data/value }]"

describe("what a nested workflow is given", () => {
  it("is declared there, or else the nearest that is gets named", () => {
    assert.deepStrictEqual(nested(["inputs: { topic: {} }", one], "    inputs: { topic: 1, topc: 2 }"), [
      'f.yaml:7:25: the nested workflow "outer" has no input "topc", expected topic, did you mean "topic"?'
    ])
    assert.deepStrictEqual(nested([one], "    inputs: { x: 2 }"), [
      'f.yaml:6:15: the nested workflow "outer" has no input "x": it declares none'
    ])
    assert.deepStrictEqual(
      check(["tasks: [{ id: t, inputs: { x: 1 }, workflow: [{ method: data/value, params: { y: '${inputs.x}' } }] }]"]),
      []
    )
  })

  it("is there, unless it need not be", () => {
    const inputs = "inputs: { topic: {}, a: { default: 1 }, b: { required: false }, c: { required: true, default: 2 } }"
    assert.deepStrictEqual(nested([inputs, one]), ['f.yaml:3:5: the nested workflow "outer" needs the input "topic"'])
    assert.deepStrictEqual(nested([inputs, one], "    inputs: { a: 1 }"), [
      'f.yaml:7:5: the nested workflow "outer" needs the input "topic"'
    ])
  })

  it("fits the schema, as far as it is known", () => {
    const inputs = "inputs: { n: { type: integer }, list: { type: array, items: { enum: [red, green] } } }"
    assert.deepStrictEqual(nested([inputs, one], "    inputs: { n: '${first.x}', list: ['${first.y}', red] }"), [])
    assert.deepStrictEqual(nested([inputs, one], "    inputs: { n: many, list: [red, gren] }"), [
      'f.yaml:7:18: `n`: expected a whole number, found "many"',
      'f.yaml:7:36: `list[1]`: expected "red" or "green", found "gren", did you mean "green"?'
    ])
  })

  it("is no input that is secret, which is said once", () => {
    assert.deepStrictEqual(nested(["inputs: { k: { required: false, secret: true } }", one]), [
      "f.yaml:5:39: an input of a nested workflow cannot be secret: list the secret under its own `secrets`"
    ])
  })

  it("is no secret", () => {
    const message = "a secret cannot be given to a nested workflow: list it under the `secrets` of the nested workflow"
    const text = [
      "secrets: [K]",
      "inputs: { s: { secret: true } }",
      "tasks: [{ workflow: { inputs: { x: {}, y: {} }, tasks: [{ method: data/value }] }, inputs: { x: '${secrets.K}', y: 'a ${inputs.s}' } }]"
    ]
    assert.deepStrictEqual(check(text), [`f.yaml:3:98: ${message}`, `f.yaml:3:119: ${message}`])
  })

  it("makes the task wait for what it speaks of", () => {
    assert.deepStrictEqual(
      check([
        "tasks:",
        "  - { id: a, inputs: { x: '${b}' }, workflow: [{ method: data/value }] }",
        "  - { id: b, inputs: { x: '${a.task-1}' }, workflow: [{ method: data/value }] }"
      ]),
      ["f.yaml:2:28: tasks wait for each other in a circle: a -> b -> a"]
    )
  })
})

describe("inside a nested workflow", () => {
  it("there are its own tasks, inputs, variables and secrets alone", () => {
    const params = (text: string) => `tasks: [{ id: a, method: data/value, params: { x: '${text}' } }]`
    const well = params("${inputs.i} ${env.HOME} ${secrets.K} ${run.id}")
    assert.deepStrictEqual(nested(["inputs: { i: { default: 1 } }", "env: [HOME]", "secrets: [K]", well]), [])
    const around = [
      "inputs: { o: {} }",
      "env: [HOME]",
      "secrets: [K]",
      "tasks:",
      "  - { id: first, name: The first, method: data/value }"
    ]
    const given = "what is around a nested workflow is given to it under `inputs`"
    const inside = (text: string) =>
      check([
        ...around,
        `  - { foreach: [1], repeat: { until: 'true', max: 2 }, workflow: [{ method: data/value, params: { x: '${text}' } }] }`
      ])
    assert.deepStrictEqual(inside("${first.x}"), [
      'f.yaml:6:103: ${first.x}: "first" is a task outside of the nested workflow: give its value under `inputs`'
    ])
    assert.deepStrictEqual(inside("${The first}").length, 1)
    assert.deepStrictEqual(inside("${inputs.o}"), ['f.yaml:6:103: the input "o" is not declared under `inputs`'])
    assert.deepStrictEqual(inside("${env.HOME}"), ['f.yaml:6:103: the variable "HOME" is not listed under `env`'])
    assert.deepStrictEqual(inside("${secrets.K}"), ['f.yaml:6:103: the secret "K" is not listed under `secrets`'])
    for (const root of ["item", "index"]) {
      assert.deepStrictEqual(inside(`\${${root}}`), [
        `f.yaml:6:103: \`${root}\` is there only in a task with \`foreach\`; ${given}`
      ])
    }
    for (const root of ["previous", "iteration"]) {
      assert.deepStrictEqual(inside(`\${${root}}`), [
        `f.yaml:6:103: \`${root}\` is there only in a task with \`repeat\`; ${given}`
      ])
    }
    assert.match(inside("${frst.x}").join(), /"frst" is neither a task nor one of/)
  })

  it("`item` is there in a task with a `foreach` of its own", () => {
    assert.deepStrictEqual(nested(["tasks: [{ method: data/value, foreach: [1], params: { x: '${item}' } }]"]), [])
  })

  it("calls, dependencies and circles are looked at like those around it, in files too", () => {
    const keys = [
      "tasks:",
      "  - { id: a, method: llm/caht, needs: [outer] }",
      "  - { id: b, method: llm/chat, params: { promt: x, prompt: y } }",
      "  - { id: c, method: data/value, needs: [d] }",
      "  - { id: d, method: data/value, params: { x: '${c}' } }",
      "  - { id: e, method: data/value, needs: [e] }",
      "outputs: { x: '${bb}' }"
    ]
    const messages = (file: string, line: number, column: number) => {
      const at = (lines: number, columns: number) => `${file}:${line + lines}:${column + columns}: `
      const params =
        "messages, prompt, model, system, images, image_path, file_path, files, directory, file_pattern, temperature, max_tokens or 10 more"
      return [
        `${at(1, 21)}llm/v1 has no method "llm/caht", expected llm/chat, llm/generate, llm/complete, llm/vision, llm/embeddings, llm/embed or llm/models, did you mean "llm/chat"?`,
        `${at(1, 39)}there is no task "outer"`,
        `${at(2, 41)}llm/chat has no param "promt", expected ${params}, did you mean "prompt"?`,
        `${at(3, 41)}tasks wait for each other in a circle: c -> d -> c`,
        `${at(5, 41)}task "e" waits for itself`,
        `${at(6, 15)}\${bb}: "bb" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks, did you mean "b"?`
      ]
    }
    assert.deepStrictEqual(nested(keys), messages("f.yaml", 5, 7))
    assert.deepStrictEqual(
      check(["tasks: [{ id: outer, workflow: x/o.yaml }]"], { "x/o.yaml": keys.join("\n") }),
      messages("x/o.yaml", 1, 1)
    )
  })

  it("tasks that could not be read are not asked about their params", () => {
    assert.deepStrictEqual(nested(["tasks: [{ method: data/value }, { method: llm/chat, params: 5 }]"]), [
      "f.yaml:5:67: `params`: expected a mapping, found 5"
    ])
    assert.deepStrictEqual(nested(["tasks: []"], "    inputs: { x: 1 }"), [
      "f.yaml:5:14: `tasks` is empty, expected at least one"
    ])
  })

  it("a seed's timeout among the params is the task's", () => {
    const { workflow } = load(["tasks: [{ workflow: [{ method: python/validate, params: { code: x, timeout: 3 } }] }]"])
    const adopted = workflow === undefined ? undefined : Check.adopt(workflow, contracts)
    assert.strictEqual(adopted?.tasks[0].workflow?.tasks[0].timeout, 3000)
    assert.deepStrictEqual(adopted?.tasks[0].workflow?.tasks[0].params, { code: "x" })
  })
})

describe("the result of a nested workflow", () => {
  const keys = [
    "tasks: [{ id: a, method: llm/chat, params: { prompt: x } }, { id: b, method: data/value, if: run.id != '' }, { id: c, method: llm/chat, foreach: [1], params: { prompt: x } }]"
  ]
  const use = (path: string, outputs: ReadonlyArray<string> = [], more: ReadonlyArray<string> = []) =>
    nested([...keys, ...outputs], ...more, `  - { method: data/value, params: { x: '\${outer${path}}' } }`).map(
      (message) => message.replace(/^f\.yaml:\d+:\d+: /, "")
    )

  it("has its outputs, or else the nearest is named", () => {
    const outputs = ["outputs: { summary: '${a.content}', n: 1, all: '${c}', one: '${a}' }"]
    for (const path of ["", ".summary", ".n", ".all[0].content", ".one.content"]) {
      assert.deepStrictEqual(use(path, outputs), [])
    }
    const result = 'the result of "outer" (workflow): there is no'
    assert.deepStrictEqual(use(".sumary", outputs), [
      `${result} "sumary", expected summary, n, all or one, did you mean "summary"?`
    ])
    assert.deepStrictEqual(use(".summary.x", outputs), [`${result} "x"`])
    assert.deepStrictEqual(use(".all.content", outputs), [`${result} "content"`])
    assert.match(use(".one.content.x", outputs).join(), /there is no "x"/)
    assert.deepStrictEqual(use("[0].sumary", outputs, ["    foreach: [1]"]).length, 1)
    assert.deepStrictEqual(use(".summary", outputs, ["    foreach: [1]"]), [])
  })

  it("without outputs has the tasks' results by id, of which nobody is warned inside", () => {
    assert.deepStrictEqual(use(".a.content"), [])
    assert.deepStrictEqual(use(".d"), [
      'the result of "outer" (workflow): there is no "d", expected a, b or c, did you mean "a"?'
    ])
  })

  it("need not have an output that may be without a value", () => {
    assert.deepStrictEqual(use(".b"), [
      'warning: the result of "outer" (workflow) need not have "b": this task fails then; `??` and another value goes on without it'
    ])
    assert.deepStrictEqual(use(".b ?? 1"), [])
    assert.match(
      use(".x", ["outputs: { x: '${b}' }"]).join(),
      /"b" may be skipped .*the output is left out.*need not have "x"/
    )
  })
})

describe("a workflow that was never a document", () => {
  const around = (inner: Workflow, more = {}) =>
    workflow([task("t", { protocol: "workflow/v1", method: "workflow", workflow: inner, ...more })])
  const of = (workflow: Workflow) =>
    Check.check({ workflow, diagnostics: [], locate: () => ({ line: 1, column: 1 }) }, contracts).map(format)

  it("is looked at all the same", () => {
    assert.match(
      of(around(workflow([task("a", { method: "no/such" })]))).join(),
      /^1:1: tasks\[0\]\.workflow\.tasks\[0\]\.method: data\/v1 has no method "no\/such"/
    )
    assert.deepStrictEqual(of(around(workflow([task("a")]), { cache: {} })), [
      "1:1: tasks[0].cache: `cache` cannot stand beside `workflow`: give it to the tasks inside"
    ])
    const limited = { timeout: 3, budget: { calls: 1 }, inputs: { k: { schema: {}, required: false, secret: true } } }
    const belongs = "belongs to the run's own workflow: a nested one runs under its limits"
    assert.deepStrictEqual(of(around(workflow([task("a")], limited))), [
      `1:1: tasks[0].workflow.timeout: \`timeout\` ${belongs}`,
      `1:1: tasks[0].workflow.budget: \`budget\` ${belongs}`,
      "1:1: tasks[0].workflow.inputs.k.secret: an input of a nested workflow cannot be secret: list the secret under its own `secrets`"
    ])
  })

  it("has beside `workflow` what the reader lets stand there", () => {
    const beside = (more: Partial<Task>, remedy: string) => {
      const [key = ""] = Object.keys(more)
      assert.deepStrictEqual(of(around(workflow([task("a")]), more)), [
        `1:1: tasks[0].${key}: \`${key}\` cannot stand beside \`workflow\`: ${remedy}`
      ])
    }
    const inside = "give it to the tasks inside"
    beside({ retry: standard }, `${inside}, where what is done is not done again`)
    beside({ timeout: 5 }, `${inside}, or a \`duration\` to its \`budget\``)
    beside({ once: true }, inside)
    beside({ effects: "reads" }, inside)
    beside({ provider: "ollama" }, "its tasks have providers")
    assert.deepStrictEqual(
      of(
        around(workflow([task("a")]), { foreach: [1], concurrency: 2, if: "true", priority: 1, budget: { calls: 1 } })
      ),
      []
    )
  })

  it("has the names and numbers that the reader lets stand", () => {
    const one = (more: Partial<Task>) => of(workflow([task("a", more)]))
    const ids = (...all: readonly [string, ...ReadonlyArray<string>]) => {
      const [first, ...rest] = all.map((id) => task(id))
      return first === undefined ? [] : of(workflow([first, ...rest]))
    }
    assert.deepStrictEqual(ids("a", "a"), ['1:1: tasks[1].id: duplicate task id "a", first at tasks[0]'])
    assert.match(ids("item").join(), /^1:1: tasks\[0\]\.id: a task cannot be called "item"/)
    assert.match(ids("${a}").join(), /"\$\{a\}" cannot be the id of a task/)
    assert.match(
      of(workflow([task("a"), task("b", { label: "a" })])).join(),
      /tasks\[1\]\.label: the name "a" is the id/
    )
    for (const more of [
      { concurrency: 2 },
      { foreach: [1], concurrency: 0 },
      { priority: 4 },
      { repeat: { until: "true", max: 1001 } },
      { retry: { ...standard, max_attempts: 0 } },
      { retry: { ...standard, delay: standard.max_delay + 1 } },
      { timeout: 0 },
      { cache: { ttl: -1 } }
    ]) {
      assert.lengthOf(one(more), 1, JSON.stringify(more))
    }
    assert.lengthOf(of(workflow([task("a")], { max_concurrency: 0.5, priority: -1, timeout: NaN })), 3)
    const input = (name: string, value: number) =>
      of(workflow([task("a")], { inputs: { [name]: { schema: { type: "string" }, default: value, required: false } } }))
    assert.lengthOf(input("two words", 1), 2)
    assert.lengthOf(of(around(workflow([task("a", { timeout: 0 })]))), 1)
  })

  it("is at most 20 deep", () => {
    const nested = (depth: number): Workflow => (depth === 0 ? workflow([task("a")]) : around(nested(depth - 1)))
    assert.deepStrictEqual(of(nested(20)), [])
    assert.match(of(nested(25)).join(), /^1:1: .*: workflows are nested more than 20 deep$/)
  })
})
