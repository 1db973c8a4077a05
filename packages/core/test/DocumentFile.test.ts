import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { format } from "../src/Diagnostic.ts"
import { FileUnreadable } from "../src/Errors.ts"
import { Workflow } from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

type Texts = { readonly [name: string]: string }

/** Files by their folder and path, as they are asked for. */
const reading = (texts: Texts) => {
  const asked: Array<string> = []
  const read = (folder: string, path: string) =>
    Effect.suspend(() => {
      const name = folder + path
      asked.push(name)
      const text = texts[name]
      return text === undefined
        ? Effect.fail(new FileUnreadable({ file: path, reason: "missing", detail: "there is no such file" }))
        : Effect.succeed(text)
    })
  return { asked, read }
}

const load = (text: string, texts: Texts = {}, file = "f.yaml") =>
  Effect.runSync(WorkflowFile.load({ text, file }, reading(texts).read))

const messages = (text: string, texts?: Texts, file?: string) => load(text, texts, file).diagnostics.map(format)

const read = (text: string, texts?: Texts, file?: string): Workflow => {
  const { diagnostics, workflow } = load(text, texts, file)
  assert.deepStrictEqual(diagnostics.map(format), [])
  assert.isTrue(Schema.is(Workflow)(workflow))
  if (workflow === undefined) throw new Error("no workflow")
  return workflow
}

const inner = (text: string, texts?: Texts): Workflow => {
  const { workflow } = read(text, texts).tasks[0]
  if (workflow === undefined) throw new Error("no nested workflow")
  return workflow
}

const value = { protocol: "data/v1", method: "data/value", params: {} }
const outer = { protocol: "workflow/v1", method: "workflow" }

describe("a nested workflow", () => {
  it("is a task with its inputs as params", () => {
    const text = [
      "tasks:",
      "  - id: outer",
      "    name: All of it",
      "    workflow:",
      "      inputs: { topic: { type: string }, n: { default: 3 } }",
      "      secrets: [KEY]",
      "      env: [HOME]",
      "      priority: high",
      "      tasks: [{ id: a, name: First, method: data/value }, { id: b, method: data/value, needs: First }]",
      "      outputs: { answer: '${b}' }",
      "    inputs: { topic: '${first.x}' }",
      "    needs: [first]",
      "    if: first.x != ''",
      "    foreach: [1]",
      "    concurrency: 2",
      "    repeat: { until: result.answer, max: 2 }",
      "    on_error: continue",
      "    priority: low",
      "    budget: { calls: 3 }",
      "    description: d",
      "    tags: [t]",
      "    metadata: { x: 1 }",
      "  - { id: first, method: data/value }"
    ].join("\n")
    assert.deepStrictEqual(read(text).tasks[0], {
      id: "outer",
      label: "All of it",
      description: "d",
      tags: ["t"],
      metadata: { x: 1 },
      ...outer,
      params: { topic: "${first.x}" },
      dependencies: ["first"],
      if: "first.x != ''",
      foreach: [1],
      concurrency: 2,
      repeat: { until: "result.answer", max: 2 },
      on_error: "continue",
      priority: 3,
      budget: { calls: 3 },
      workflow: {
        name: "outer",
        inputs: {
          topic: { schema: { type: "string" }, required: true },
          n: { schema: {}, default: 3, required: false }
        },
        secrets: ["KEY"],
        env: ["HOME"],
        priority: 1,
        tasks: [
          { id: "a", label: "First", ...value },
          { id: "b", ...value, dependencies: ["a"] }
        ],
        outputs: { answer: "${b}" }
      }
    })
  })

  it("as a list is given its inputs undeclared and gives the results of its tasks", () => {
    const text =
      'tasks:\n  - id: outer\n    inputs: { x: 1, "two words": 2 }\n    workflow:\n      - { id: a, method: data/value }\n      - { id: my task, method: data/value }\n      - { id: "v1.2", method: data/value }\n      - { id: "a ", method: data/value }\n'
    assert.deepStrictEqual(inner(text), {
      name: "outer",
      inputs: { x: { schema: {}, required: true }, "two words": { schema: {}, required: true } },
      tasks: [
        { id: "a", ...value },
        { id: "my task", ...value },
        { id: "v1.2", ...value },
        { id: "a ", ...value }
      ],
      outputs: { a: "${a}", "my task": "${my task}", "v1.2": '${tasks["v1.2"]}', "a ": '${tasks["a "]}' }
    })
  })

  it("without outputs gives the results of its tasks, with `outputs` those alone", () => {
    const of = (keys: string) =>
      inner(`tasks: [{ workflow: { tasks: [{ id: a, method: data/value }]${keys} } }]`).outputs
    assert.deepStrictEqual(of(""), { a: "${a}" })
    assert.deepStrictEqual(of(", outputs: {}"), {})
    assert.deepStrictEqual(of(", outputs: { x: 1 }"), { x: 1 })
  })

  it("is called by its name, else by its id, else by the task's", () => {
    const of = (keys: string) => inner(`tasks: [{ id: t, workflow: { ${keys}tasks: [{ method: a/b }] } }]`).name
    assert.deepStrictEqual([of("name: n, id: i, "), of("id: i, "), of("")], ["n", "i", "t"])
    assert.strictEqual(
      inner("tasks: [{ id: t, workflow: x/own.yaml }]", { "x/own.yaml": "tasks: [{ method: a/b }]" }).name,
      "t"
    )
  })

  it("in the same file has its defaults, filled up from those around; one in another file has its own alone", () => {
    const workflow = "{ defaults: { on_error: continue, retry: { delay: 2 } }, tasks: [{ method: llm/chat }] }"
    const text = `defaults: { model: m, timeout: 5, provider: p, priority: low, retry: { max_attempts: 7 } }\ntasks: [{ id: t, workflow: ${workflow} }, { id: u, workflow: [{ method: llm/chat }] }, { id: v, workflow: o.yaml }]`
    const { tasks } = read(text, { "o.yaml": workflow })
    const retry = { max_attempts: 7, delay: 1000, backoff: "exponential", max_delay: 300_000, jitter: true }
    const chat = { id: "task-1", protocol: "llm/v1", method: "llm/chat" }
    const around = { ...chat, params: { model: "m" }, provider: "p", timeout: 5000, priority: 3 }
    assert.deepStrictEqual(
      tasks.map(({ workflow }) => workflow?.tasks[0]),
      [
        { ...around, on_error: "continue", retry: { ...retry, delay: 2000 } },
        { ...around, retry },
        { ...chat, params: {}, on_error: "continue", retry: { ...retry, max_attempts: 3, delay: 2000 } }
      ].map((task) => ({ ...task })) as ReadonlyArray<unknown>
    )
    assert.deepStrictEqual(
      tasks.map(({ on_error, priority, retry, timeout }) => [on_error, priority, retry, timeout]),
      Array.from({ length: 3 }, () => [undefined, 3, undefined, undefined])
    )
  })

  it("is refused beside what it has no use for, with what to write instead", () => {
    const of = (line: string) => messages(`tasks:\n  - id: t\n    workflow: [{ method: a/b }]\n    ${line}\n`)
    const cannot = (key: string, remedy: string) => [
      `f.yaml:4:5: \`${key}\` cannot stand beside \`workflow\`: ${remedy}`
    ]
    assert.deepStrictEqual(of("method: a/b"), cannot("method", "its tasks have methods"))
    assert.deepStrictEqual(of("type: a/b"), cannot("method", "its tasks have methods"))
    assert.deepStrictEqual(of("protocol: a/v1"), cannot("protocol", "its tasks have protocols"))
    assert.deepStrictEqual(of("provider: p"), cannot("provider", "its tasks have providers"))
    assert.deepStrictEqual(
      of("with: { x: 1 }"),
      cannot("params", 'a nested workflow gets `inputs`, did you mean "inputs"?')
    )
    const inside = "give it to the tasks inside"
    assert.deepStrictEqual(of("retry: {}"), cannot("retry", `${inside}, where what is done is not done again`))
    assert.deepStrictEqual(of("timeout: 3"), cannot("timeout", `${inside}, or a \`duration\` to its \`budget\``))
    for (const key of ["once", "cache"]) assert.deepStrictEqual(of(`${key}: true`), cannot(key, inside))
    assert.deepStrictEqual(of("effects: reads"), cannot("effects", inside))
    assert.deepStrictEqual(of("inputs: 3"), ["f.yaml:4:13: `inputs`: expected a mapping, found 3"])
  })

  it("has no limits of a run, and no secret inputs", () => {
    const text = [
      "tasks:",
      "  - id: t",
      "    workflow:",
      "      timeout: 3",
      "      max_parallel_tasks: 3",
      "      fail_fast: true",
      "      budget: { calls: 3 }",
      "      inputs: { key: { type: string, secret: true }, well: { secret: false } }",
      "      tasks: [{ method: a/b }]"
    ].join("\n")
    const belongs = "belongs to the run's own workflow: a nested one runs under its limits"
    assert.deepStrictEqual(messages(text), [
      `f.yaml:4:7: \`timeout\` ${belongs}`,
      `f.yaml:5:7: \`max_concurrency\` ${belongs}`,
      `f.yaml:6:7: \`fail_fast\` ${belongs}`,
      "f.yaml:7:7: `budget` of a nested workflow stands beside its `workflow`, in the task",
      "f.yaml:8:38: an input of a nested workflow cannot be secret: list the secret under its own `secrets`"
    ])
  })

  it("is a list, a mapping or a path", () => {
    const forms = "expected a list of tasks, a workflow, or the path of a file that holds one"
    const of = (value: string) => messages(`tasks: [{ workflow: ${value} }]`)
    assert.deepStrictEqual(of("5"), [`f.yaml:1:21: \`workflow\`: ${forms}, found 5`])
    assert.deepStrictEqual(of("''"), [`f.yaml:1:21: \`workflow\`: ${forms}, found ""`])
    assert.deepStrictEqual(of("[]"), ["f.yaml:1:21: `workflow` is empty, expected at least one"])
    assert.deepStrictEqual(of("{}"), ["f.yaml:1:21: the workflow has no `tasks`, a list with at least one"])
    assert.deepStrictEqual(of("{ tasks: [] }"), ["f.yaml:1:30: `tasks` is empty, expected at least one"])
    assert.deepStrictEqual(of("[{ method: a/b, mthod: x }, { workflow: [{ id: x }] }]"), [
      'f.yaml:1:37: unknown key "mthod" in a task, did you mean "method"?',
      "f.yaml:1:64: the task has no `method`, such as llm/chat or python/execute"
    ])
    assert.deepStrictEqual(of('"${inputs.x}.yaml"'), [
      "f.yaml:1:21: `workflow` is read before anything runs: the path of a file as it stands"
    ])
  })

  it("is at most 20 deep", () => {
    const nested = (depth: number): string =>
      depth === 0 ? "[{ method: a/b }]" : `[{ id: t, workflow: ${nested(depth - 1)} }]`
    assert.deepStrictEqual(messages(`tasks: ${nested(20)}`), [])
    assert.deepStrictEqual(
      messages(`tasks: ${nested(21)}`).map((message) => message.replace(/:\d+: /, ": ")),
      ["f.yaml:1: workflows are nested more than 20 deep"]
    )
  })
})

describe("a nested workflow in a file", () => {
  const simple = "tasks: [{ id: a, method: data/value }]"

  it("is read in place, from the folder of the document or of the file that names it", () => {
    const asked = (file: string, path: string, next: string) => {
      const asks: Array<ReadonlyArray<string>> = []
      const read = (folder: string, path: string) =>
        Effect.sync(() => {
          asks.push([folder, path])
          return asks.length === 1
            ? `tasks: [{ workflow: ${next} }]`
            : '{ "tasks": [{ "id": "c", "method": "data/value" }] }'
        })
      const { workflow } = Effect.runSync(WorkflowFile.load({ text: `tasks: [{ workflow: ${path} }]`, file }, read))
      assert.deepStrictEqual(workflow?.tasks[0].workflow?.tasks[0].workflow?.tasks[0], { id: "c", ...value })
      return asks
    }
    assert.deepStrictEqual(asked("flows/main.yaml", "./sub/inner.yaml", "../last.json"), [
      ["flows/", "sub/inner.yaml"],
      ["flows/", "last.json"]
    ])
    assert.deepStrictEqual(asked("/abs/main.yaml", "sub/inner.yaml", "last.json"), [
      ["/abs/", "sub/inner.yaml"],
      ["/abs/", "sub/last.json"]
    ])
    assert.deepStrictEqual(asked("main.yaml", "sub/inner.yaml", "./last.json"), [
      ["", "sub/inner.yaml"],
      ["", "sub/last.json"]
    ])
    assert.deepStrictEqual(asked("flows/main.yaml", "../other/inner.yaml", "last.json"), [
      ["flows/", "../other/inner.yaml"],
      ["other/", "last.json"]
    ])
    assert.deepStrictEqual(asked("main.yaml", "/abs/inner.yaml", "../last.json"), [
      ["", "/abs/inner.yaml"],
      ["/abs/", "../last.json"]
    ])
  })

  it("knows its own file as the origin of its code", () => {
    const texts = { "x/o.yaml": "tasks:\n  - method: python/execute\n    params: { code: x }\n" }
    assert.deepStrictEqual(inner("tasks: [{ workflow: x/o.yaml }]", texts).tasks[0].origin, {
      file: "x/o.yaml",
      lines: { code: 3 }
    })
  })

  it("is read once however often it is named", () => {
    const { asked, read } = reading({
      "a.yaml": "tasks: [{ workflow: b.yaml }, { workflow: ./b.yaml }]",
      "b.yaml": simple
    })
    const text =
      "tasks: [{ workflow: a.yaml }, { workflow: b.yaml }, { workflow: x/../a.yaml }, { workflow: [{ workflow: b.yaml }] }]"
    const { diagnostics } = Effect.runSync(WorkflowFile.load({ text }, read))
    assert.deepStrictEqual(diagnostics, [])
    assert.deepStrictEqual(asked, ["a.yaml", "b.yaml"])
  })

  it("has its mistakes with its own places, behind those of the file that names it", () => {
    const text = "tasks:\n  - id: t\n    workflow: sub/o.yaml\n    prority: 3\n  - { workflow: sub/o.yaml }\n"
    const texts = { "sub/o.yaml": "nme: x\ntasks:\n  - { method: a/b, needz: c }\n" }
    assert.deepStrictEqual(messages(text, texts), [
      'f.yaml:4:5: unknown key "prority" in a task, did you mean "priority"?',
      'sub/o.yaml:1:1: unknown key "nme" in a workflow, did you mean "name"?',
      'sub/o.yaml:3:20: unknown key "needz" in a task, did you mean "needs"?'
    ])
    assert.deepStrictEqual(messages(text.replace("    prority: 3\n", ""), { "sub/o.yaml": "tasks:\n\t- x\n" }), [
      "sub/o.yaml:2:1: a tab indents this line, expected spaces"
    ])
    assert.deepStrictEqual(messages("tasks: [{ workflow: o.json }]", { "o.json": "[1]" }), [
      "o.json:1:1: the document is a list, expected a workflow, a mapping with `name` and `tasks`"
    ])
  })

  it("that cannot be read is a mistake where it is named", () => {
    const text = "tasks:\n  - workflow: gone.yaml\n"
    assert.deepStrictEqual(messages(text), [
      "f.yaml:2:15: the nested workflow cannot be read: gone.yaml: there is no such file"
    ])
    assert.deepStrictEqual(WorkflowFile.parse({ text, file: "f.yaml" }).diagnostics.map(format), [
      'f.yaml:2:15: the nested workflow is in the file "gone.yaml", and no files are read here'
    ])
    assert.deepStrictEqual(WorkflowFile.fromValue({ tasks: [{ workflow: "x.yaml" }] }).diagnostics.map(format), [
      '1:1: tasks[0].workflow: the nested workflow is in the file "x.yaml", and no files are read here'
    ])
  })

  it("does not contain itself, and the chain is named", () => {
    assert.deepStrictEqual(messages("tasks: [{ workflow: f.yaml }]", { "f.yaml": simple }, "./f.yaml"), [
      "./f.yaml:1:21: the file contains itself: f.yaml -> f.yaml"
    ])
    const texts = {
      "x/a.yaml": "tasks: [{ workflow: b.yaml }]",
      "x/b.yaml": "tasks: [{ method: a/b }, { workflow: [{ workflow: ../x/a.yaml }] }]"
    }
    assert.deepStrictEqual(messages("tasks: [{ workflow: x/a.yaml }]", texts), [
      "x/b.yaml:1:51: the file contains itself: x/a.yaml -> x/b.yaml -> x/a.yaml"
    ])
  })

  it("does not blow the workflow up, however often it is named", () => {
    const twice = (path: string) => `tasks: [${Array.from({ length: 10 }, () => `{ workflow: ${path} }`).join(", ")}]`
    const texts: Record<string, string> = { "f9.yaml": simple }
    for (let i = 0; i < 9; i++) texts[`f${i}.yaml`] = twice(`f${i + 1}.yaml`)
    const found = messages("tasks: [{ workflow: f0.yaml }]", texts)
    assert.match(
      found[0] ?? "",
      /^f\d\.yaml:1:\d+: files that are nested more than once make the workflow longer by more than 1000000 characters$/
    )
  })

  it("is not looked for without end", () => {
    const count = (text: string) => {
      let reads = 0
      const read = () => Effect.sync(() => ((reads += 1), text))
      const { diagnostics } = Effect.runSync(WorkflowFile.load({ text, file: "f.yaml" }, read))
      return { reads, messages: diagnostics.map(({ message }) => message) }
    }
    // each is another file than the one that names it
    const one = count("tasks: [{ workflow: x/f.yaml }]")
    assert.deepStrictEqual(one, { reads: 20, messages: ["workflows are nested more than 20 deep"] })
    const two = count("tasks: [{ workflow: x/f.yaml }, { workflow: y/f.yaml }]")
    assert.strictEqual(two.reads, 1000)
    assert.include(two.messages.join(), "nested workflows are in at most 1000 files with 4000000 characters in all")
  })

  it("has its places in the canonical form under its file", () => {
    const texts = { "o.yaml": "tasks:\n  - method: llm/chat\n    with:\n      prompt: say ${x}\n" }
    const text =
      "defaults: { model: m }\ntasks:\n  - id: t\n    workflow: o.yaml\n    inputs: { x: 1 }\n  - id: u\n    workflow:\n      - { id: a, method: llm/chat }\n  - workflow: { defaults: { timeout: 5 }, tasks: [{ method: llm/chat }] }\n"
    const { locate, locateKey } = load(text, texts)
    const nested = ["tasks", 0, "workflow", "tasks", 0, "params", "prompt"]
    assert.deepStrictEqual(locate(nested, 4), { file: "o.yaml", line: 4, column: 19 })
    assert.deepStrictEqual(locateKey?.(nested), { file: "o.yaml", line: 4, column: 7 })
    assert.deepStrictEqual(locate(["tasks", 0, "workflow", "name"]), { file: "o.yaml", line: 1, column: 1 })
    assert.deepStrictEqual(locate(["tasks", 0, "workflow"]), { line: 4, column: 15 })
    assert.deepStrictEqual(locateKey?.(["tasks", 0, "params"]), { line: 5, column: 5 })
    assert.deepStrictEqual(locate(["tasks", 0, "params", "x"]), { line: 5, column: 18 })
    assert.deepStrictEqual(locate(["tasks", 1, "workflow", "tasks", 0, "id"]), { line: 8, column: 15 })
    assert.deepStrictEqual(locate(["tasks", 1, "workflow", "tasks", 0, "params", "model"]), { line: 1, column: 20 })
    const third = ["tasks", 2, "workflow", "tasks", 0]
    assert.deepStrictEqual(locate([...third, "params", "model"]), { line: 1, column: 20 })
    assert.deepStrictEqual(locate([...third, "timeout"]), { line: 9, column: 38 })
    assert.deepStrictEqual(locate(["tasks", 1, "workflow", "outputs", "a"]), { line: 8, column: 7 })
  })
})

const Id = Schema.Literals(["a", "b c", "v1.2", "x[0]", "5", "null", "ünï", "'q", "🦊"])

describe("every way to write a nested workflow", () => {
  it.prop(
    "gives the same inner form",
    { ids: Schema.Array(Id), values: Schema.Array(Schema.Tuple([Schema.Literals(["x", "y", "z"]), Schema.Json])) },
    ({ ids, values }) => {
      const tasks = [...new Set(["first", ...ids])].map((id) => ({ id, method: "data/value", params: { n: 1 } }))
      const inputs = Object.fromEntries(values)
      if (JSON.stringify(inputs).includes("__proto__")) return
      const declared = Object.fromEntries(Object.keys(inputs).map((name) => [name, {}]))
      const whole = { ...(values.length === 0 ? {} : { inputs: declared }), tasks }
      const given = values.length === 0 ? {} : { inputs }
      const of = (workflow: unknown, files: Texts = {}) =>
        load(JSON.stringify({ tasks: [{ id: "t", workflow, ...given }] }), files, "f.json").workflow
      const list = of(tasks)
      assert.isDefined(list)
      assert.deepStrictEqual(of(whole), list)
      assert.deepStrictEqual(of("o.json", { "o.json": JSON.stringify(whole) }), list)
      assert.deepStrictEqual(
        WorkflowFile.fromValue(
          JSON.parse(JSON.stringify({ name: "f", tasks: [{ id: "t", workflow: tasks, ...given }] }))
        ).workflow,
        list
      )
    }
  )
})

const Step = Schema.Literals(["a.yaml", "./a.yaml", "sub/../b.yaml", "sub/c.yaml", "gone", "", "/a.yaml"])

describe("loading", () => {
  it.prop(
    "ends, never fails, and says the same of files that name each other in any way",
    { main: Schema.Array(Step), a: Schema.Array(Step), b: Schema.Array(Step), c: Schema.Array(Step) },
    ({ a, b, c, main }) => {
      const of = (paths: ReadonlyArray<string>) =>
        JSON.stringify({ tasks: [{ method: "a/b" }, ...paths.slice(0, 3).map((workflow) => ({ workflow }))] })
      const files = new Map([
        ["a.yaml", of(a)],
        ["b.yaml", of(b)],
        ["sub/c.yaml", of(c)]
      ])
      const read = (folder: string, path: string) => {
        const text = files.get(new URL(folder + path, "file:///").pathname.slice(1))
        return text === undefined
          ? Effect.fail(new FileUnreadable({ file: path, reason: "missing", detail: "none" }))
          : Effect.succeed(text)
      }
      const source = { text: of(main), file: "main.yaml" }
      const parsed = Effect.runSync(WorkflowFile.load(source, read))
      const failed = parsed.diagnostics.some(({ severity }) => severity === "error")
      assert.strictEqual(parsed.workflow === undefined, failed)
      assert.deepStrictEqual(Effect.runSync(WorkflowFile.load(source, read)).diagnostics, parsed.diagnostics)
    }
  )
})
