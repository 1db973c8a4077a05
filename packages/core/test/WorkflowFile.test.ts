import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { stringify } from "yaml"
import { format } from "../src/Diagnostic.ts"
import { Task } from "../src/Workflow.ts"
import { Workflow } from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { written } from "./written.ts"

const fixture = (file: string): WorkflowFile.Source => ({
  text: readFileSync(new URL(`fixtures/${file}`, import.meta.url), "utf8"),
  file
})

/** `line:column code` of each complaint. */
const places = (text: string, file = "f.yaml"): ReadonlyArray<string> =>
  WorkflowFile.parse({ text, file }).diagnostics.map(({ code, column, line }) => `${line}:${column} ${code}`)

const messages = (text: string, file = "f.yaml"): ReadonlyArray<string> =>
  WorkflowFile.parse({ text, file }).diagnostics.map(format)

const read = (text: string, file?: string): Workflow => {
  const { diagnostics, workflow } = WorkflowFile.parse({ text, ...(file === undefined ? {} : { file }) })
  assert.strictEqual(diagnostics.map(format).join("\n"), "")
  assert.isTrue(Schema.is(Workflow)(workflow))
  if (workflow === undefined) throw new Error("no workflow")
  return workflow
}

const task = (lines: string): Task => read(`tasks:\n  - method: data/value\n    id: t\n${lines}`).tasks[0]

/** Of a task whose keys begin on line 4. */
const taskMessages = (lines: string): ReadonlyArray<string> =>
  messages(`tasks:\n  - method: data/value\n    id: t\n${lines}`)

const standard = { max_attempts: 3, delay: 1000, backoff: "exponential", max_delay: 300_000, jitter: true } as const

describe("a document", () => {
  it("becomes a workflow in its one inner form", () => {
    const workflow = read(
      [
        "name: Digest",
        "id: digest-1",
        "version: 1.0",
        "inputs:",
        "  topic: { type: string, default: async, description: What }",
        "  limit: { type: integer, minimum: 1 }",
        "  key: { secret: true }",
        "  note: { required: false }",
        "  box: { type: object, required: [a], properties: { a: { type: string } } }",
        "defaults: { model: llama3.2, timeout: 5m, retry: { max_attempts: 2 }, priority: low, provider: big }",
        "max_parallel_tasks: 8",
        "timeout: 1h",
        "fail_fast: true",
        "wait_for_completion: true",
        "priority: high",
        "secrets: [TOKEN]",
        "env: [HOME, LANG]",
        "tags: one",
        "tasks:",
        "  - id: research",
        "    name: Research it",
        "    method: llm/chat",
        "    params: { prompt: hello }",
        "  - name: count",
        "    type: python/execute",
        "    with: { code: x }",
        "    needs: Research it",
        "    retry: { base_delay: 2s, backoff: linear, on: [-29003, RATE_LIMITED] }",
        "    timeout: 90",
        "    priority: 1",
        "    on_error: continue",
        "    once: true",
        "    cache: false",
        "  - method: llm/chat",
        "    when: count.result > 3",
        "    parameters: { prompt: x, model: small }",
        "    foreach: [1, 2]",
        "    concurrency: 2",
        "    metadata: { position: { x: 1 } }",
        "outputs: { answer: '${research.content}' }"
      ].join("\n")
    )
    assert.deepStrictEqual(workflow, {
      id: "digest-1",
      name: "Digest",
      version: "1.0",
      tags: ["one"],
      inputs: {
        topic: { schema: { type: "string", description: "What" }, default: "async", required: false },
        limit: { schema: { type: "integer", minimum: 1 }, required: true },
        key: { schema: {}, required: true, secret: true },
        note: { schema: {}, required: false },
        box: { schema: { type: "object", required: ["a"], properties: { a: { type: "string" } } }, required: true }
      },
      secrets: ["TOKEN"],
      env: ["HOME", "LANG"],
      timeout: 3_600_000,
      fail_fast: true,
      max_concurrency: 8,
      priority: 1,
      tasks: [
        {
          id: "research",
          label: "Research it",
          protocol: "llm/v1",
          method: "llm/chat",
          params: { prompt: "hello", model: "llama3.2" },
          provider: "big",
          timeout: 300_000,
          priority: 3,
          retry: { ...standard, max_attempts: 2 }
        },
        {
          id: "count",
          protocol: "python/v1",
          method: "python/execute",
          params: { code: "x" },
          provider: "big",
          dependencies: ["research"],
          timeout: 90_000,
          priority: 1,
          on_error: "continue",
          once: true,
          retry: { ...standard, max_attempts: 2, delay: 2000, backoff: "linear", on: [-29003, "RATE_LIMITED"] }
        },
        {
          id: "task-3",
          protocol: "llm/v1",
          method: "llm/chat",
          params: { prompt: "x", model: "small" },
          provider: "big",
          if: "count.result > 3",
          foreach: [1, 2],
          concurrency: 2,
          metadata: { position: { x: 1 } },
          timeout: 300_000,
          priority: 3,
          retry: { ...standard, max_attempts: 2 }
        }
      ],
      outputs: { answer: "${research.content}" }
    })
  })

  it("of the seeds is read, with names or ids", () => {
    const names = read(fixture("seed-names.yaml").text)
    assert.deepStrictEqual(
      names.tasks.map(({ dependencies, id, method, protocol }) => [id, method, protocol, dependencies]),
      [
        ["initial_research", "llm/chat", "llm/v1", undefined],
        ["analyze_findings", "llm/chat", "llm/v1", ["initial_research"]],
        ["process_data", "python/execute", "python/v1", ["analyze_findings"]]
      ]
    )
    const parameters = read(fixture("seed-parameters.yaml").text)
    assert.deepStrictEqual(
      parameters.tasks.map(({ id, method }) => `${id} ${method}`),
      [
        "generate python/execute",
        "analyze llm/chat",
        "calculate python/execute",
        "mcp_task mcp/tool.function_name",
        "report llm/chat"
      ]
    )
    assert.deepStrictEqual(parameters.tasks[1]?.retry, { ...standard, delay: 2000 })
    assert.deepStrictEqual(parameters.tasks[0]?.params, { script: "generate_data.py", timeout: 30 })
    const json = fixture("seed-data-pipeline.json")
    assert.deepStrictEqual(read(json.text, json.file).tasks[3]?.dependencies, ["Transform Data", "Generate Report"])
  })

  it("without a name is called by its id, else by its file, else workflow", () => {
    const tasks = "tasks: [{ method: data/value }]"
    assert.strictEqual(read(`id: digest\n${tasks}`).name, "digest")
    assert.strictEqual(read(tasks, "some/where/my.flow.yaml").name, "my.flow")
    assert.strictEqual(read(tasks).name, "workflow")
  })

  it("as JSON reads as the same document in YAML does", () => {
    const { file, text } = fixture("seed-data-pipeline.json")
    const strip = ({ tasks, ...rest }: Workflow) => ({
      ...rest,
      tasks: tasks.map((task) => ({ ...task, origin: undefined }))
    })
    assert.deepStrictEqual(strip(read(text, file)), strip(read(text, "f.yaml")))
  })

  it("may share parts by anchors and take them in by <<", () => {
    const { tasks } = read(
      "tasks:\n  - &base\n    id: a\n    method: llm/chat\n    params: &p { prompt: x }\n  - <<: *base\n    id: b\n  - id: c\n    method: llm/chat\n    params: *p\n"
    )
    assert.deepStrictEqual(
      tasks.map(({ id, method, params }) => [id, method, params]),
      ["a", "b", "c"].map((id) => [id, "llm/chat", { prompt: "x" }])
    )
  })

  it("keeps its places with a byte order mark and Windows line ends", () => {
    assert.deepStrictEqual(places("\uFEFFnme: x\r\ntasks:\r\n  - method: a/b\r\n    nme: y\r\n"), [
      "1:1 unknown-key",
      "4:5 unknown-key"
    ])
  })
})

describe("a task", () => {
  it("takes its protocol from the method, or the method's prefix from its protocol", () => {
    const of = (lines: string) => {
      const { method, protocol } = read(`tasks:\n  - ${lines}`).tasks[0]
      return `${protocol} ${method}`
    }
    assert.strictEqual(of("method: llm/chat"), "llm/v1 llm/chat")
    assert.strictEqual(of("{ method: llm/chat, protocol: llm/v2 }"), "llm/v2 llm/chat")
    assert.strictEqual(of("{ method: execute, protocol: python/v1 }"), "python/v1 python/execute")
    assert.strictEqual(of("{ method: tool.fs.read, protocol: mcp/v1 }"), "mcp/v1 mcp/tool.fs.read")
    assert.strictEqual(of("{ method: mcp/tool.fs.read, protocol: mcp/v1 }"), "mcp/v1 mcp/tool.fs.read")
    assert.strictEqual(of("{ method: 'resource.file://x', protocol: mcp/v1 }"), "mcp/v1 mcp/resource.file://x")
    assert.strictEqual(of("method: mcp/tools/list"), "mcp/v1 mcp/tools/list")
  })

  it("takes durations as seconds or with a unit, and priorities as words or numbers", () => {
    assert.deepStrictEqual(
      ["30", "1.5", "250ms", "2m", "1h 30m", '"45"'].map((text) => task(`    timeout: ${text}`).timeout),
      [30_000, 1500, 250, 120_000, 5_400_000, 45_000]
    )
    assert.deepStrictEqual(
      ["urgent", "high", "normal", "low", "0", "3"].map((text) => task(`    priority: ${text}`).priority),
      [0, 1, 2, 3, 0, 3]
    )
  })

  it("fills its retry block from defaults, then from the standard", () => {
    assert.deepStrictEqual(task("    retry: {}").retry, standard)
    assert.deepStrictEqual(task("    retry: { exponential_backoff: false }").retry?.backoff, "fixed")
    assert.deepStrictEqual(task("    retry: { delay: 10m }").retry?.max_delay, 600_000)
    const merged = read(
      "defaults: { retry: { max_attempts: 5, jitter: false } }\ntasks:\n  - method: a/b\n    retry: { delay: 3, max_attempts: 7 }"
    ).tasks[0].retry
    assert.deepStrictEqual(merged, { ...standard, max_attempts: 7, jitter: false, delay: 3000 })
  })

  it("without a retry block has none", () => {
    assert.isUndefined(task("    params: {}").retry)
  })

  it("is repeated, cached and limited as it says", () => {
    const { budget, cache, effects, repeat } = task(
      "    repeat: { until: result.score > 8, max: 5, on_max: continue }\n    cache: { ttl: 1d, key: 'k ${inputs.x}' }\n    effects: reads\n    budget: { tokens: 1e4, cost_usd: 0.5, calls: 3, duration: 5m }"
    )
    assert.deepStrictEqual(repeat, { until: "result.score > 8", max: 5, on_max: "continue" })
    assert.deepStrictEqual(cache, { ttl: 86_400_000, key: "k ${inputs.x}" })
    assert.strictEqual(effects, "reads")
    assert.deepStrictEqual(budget, { tokens: 10_000, cost_usd: 0.5, calls: 3, duration: 300_000 })
    assert.deepStrictEqual(task("    repeat: { until: false, max: 1000 }").repeat, { until: "false", max: 1000 })
    assert.deepStrictEqual(task("    cache: true").cache, {})
    assert.deepStrictEqual(task("    cache: {}").cache, {})
    assert.isFalse(Object.hasOwn(task("    cache: false"), "cache"))
    assert.deepStrictEqual(read("tasks: [{ method: a/b }]\nbudget: { calls: 3 }").budget, { calls: 3 })
  })

  it("gets the default model only if it is of llm and has none", () => {
    const { tasks } = read(
      "defaults: { model: m }\ntasks:\n  - method: llm/chat\n  - { method: llm/chat, params: { model: own } }\n  - method: python/execute"
    )
    assert.deepStrictEqual(
      tasks.map(({ params }) => params),
      [{ model: "m" }, { model: "own" }, {}]
    )
  })

  it("knows the file and the lines of params whose lines are the file's", () => {
    const text = [
      "tasks:",
      "  - method: python/execute",
      "    params:",
      "      code: |",
      "        a = 1",
      "      plain: one line",
      '      quoted: "also one"',
      "      folded: >",
      "        two",
      "        lines",
      '      spread: "two',
      '        lines"',
      "      number: 3"
    ].join("\n")
    assert.deepStrictEqual(read(text, "dir/f.yaml").tasks[0].origin, {
      file: "dir/f.yaml",
      lines: { code: 5, plain: 6, quoted: 7 }
    })
    assert.isUndefined(read(text).tasks[0].origin)
    assert.isUndefined(read("tasks:\n  - method: a/b\n    params: { n: 1 }", "f.yaml").tasks[0].origin)
  })

  it("has a label only if its name is not its id", () => {
    const { tasks } = read(
      "tasks:\n  - { id: a, name: a, method: x/y }\n  - { id: b, name: B, method: x/y }\n  - { name: c, method: x/y }"
    )
    assert.deepStrictEqual(
      tasks.map(({ id, label }) => [id, label]),
      [
        ["a", undefined],
        ["b", "B"],
        ["c", undefined]
      ]
    )
  })

  it("may be named by id or name in dependencies", () => {
    const { tasks } = read(
      "tasks:\n  - { id: a, name: First, method: x/y }\n  - { id: b, method: x/y, depends_on: [First, a] }\n  - { method: x/y, needs: b }"
    )
    assert.deepStrictEqual(
      tasks.map(({ dependencies }) => dependencies),
      [undefined, ["a", "a"], ["b"]]
    )
  })
})

describe("a mistake", () => {
  it("of syntax is one complaint a line, with its place", () => {
    assert.deepStrictEqual(messages("name: x\ntasks:\n\t- id: a\n"), [
      "f.yaml:3:1: a tab indents this line, expected spaces"
    ])
    assert.deepStrictEqual(messages("name: 'x\ntasks: []\n"), [
      "f.yaml:1:7: the text that begins here in quotes does not end"
    ])
    assert.deepStrictEqual(places("name: x\ntasks: [1, 2\nid: 3\n"), ["3:1 syntax"])
    assert.deepStrictEqual(messages("name: Report: all\n"), [
      'f.yaml:1:7: a second ": " on this line: put the value in quotes, or begin the mapping on a line of its own'
    ])
    assert.deepStrictEqual(places("params: {x: ${a.b}, y: 2}\n").length, 1)
    assert.match(messages("params: {x: ${a.b}}\n")[0] ?? "", /^f.yaml:1:14: .* a reference needs quotes: "\$\{…\}"$/)
  })

  it("of JSON syntax has its place and says what was expected", () => {
    assert.deepStrictEqual(messages('{ "name": "x",\n  "tasks": [1, 2,] }', "f.json"), [
      'f.json:2:18: expected a value: {…}, […], "text", a number, true, false or null, found "]"'
    ])
    assert.deepStrictEqual(messages('{ "name": "x" // c\n }', "f.json"), [
      'f.json:1:15: expected "," or "}", found "/"'
    ])
    assert.deepStrictEqual(messages('{ "name": "x', "f.json"), ["f.json:1:11: the text that begins here does not end"])
    assert.deepStrictEqual(messages('{ "name": "\\q" }', "f.json"), [
      "f.json:1:11: the text has an escape or a control character that JSON does not know"
    ])
    assert.deepStrictEqual(messages("{} {}", "f.json"), ['f.json:1:4: expected the end of the file, found "{"'])
    assert.deepStrictEqual(
      places('{\n\t"name": "x",\n\t"name": "y",\n\t"tasks": [{"method": "a/b", "parms": 1}]}', "f.json"),
      ["3:2 duplicate-key", "4:30 unknown-key"]
    )
  })

  it("of the whole document is told: empty, no mapping, two documents, too large, too deep", () => {
    assert.deepStrictEqual(messages(""), [
      "f.yaml:1:1: the document is empty, expected a workflow, a mapping with `name` and `tasks`"
    ])
    assert.deepStrictEqual(places("# only a comment\n"), ["1:1 empty"])
    assert.deepStrictEqual(places(" ", "f.json"), ["1:1 empty"])
    assert.deepStrictEqual(messages("- a\n"), [
      "f.yaml:1:1: the document is a list, expected a workflow, a mapping with `name` and `tasks`"
    ])
    assert.deepStrictEqual(places("just text"), ["1:1 not-a-mapping"])
    assert.deepStrictEqual(messages("name: x\n"), ["f.yaml:1:1: the workflow has no `tasks`, a list with at least one"])
    assert.deepStrictEqual(places("tasks: []\n"), ["1:8 wrong-type"])
    assert.deepStrictEqual(messages("tasks: {a: {}}\n"), [
      "f.yaml:1:8: `tasks`: expected a list, each item with an `id` and a `method`, found a mapping"
    ])
    assert.deepStrictEqual(messages("tasks: [{ method: a/b }]\n---\nname: y\n"), [
      "f.yaml:2:1: a second document begins here, expected one workflow in a file"
    ])
    assert.deepStrictEqual(messages("x".repeat(10_000_000)), [
      "f.yaml:1:1: the document has 10000000 characters, more than the 4000000 allowed: a `foreach` says what many tasks say"
    ])
    const deep = "[".repeat(101) + "]".repeat(101)
    assert.deepStrictEqual(messages(`x: ${deep}`), ["f.yaml:1:104: nested more than 100 deep"])
    assert.deepStrictEqual(messages(`{"x": ${deep}}`, "f.json"), ["f.json:1:107: nested more than 100 deep"])
    assert.deepStrictEqual(messages("[".repeat(20_000)).length, 1)
  })

  it("of aliases, tags and keys is told", () => {
    const bomb = ["a: &a [l, l, l, l, l, l, l, l, l, l]"]
    for (const [i, name] of [..."bcdefghi"].entries()) {
      bomb.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${"abcdefgh"[i]}`).join(", ")}]`)
    }
    assert.deepStrictEqual(messages(bomb.join("\n")), [
      "f.yaml:6:20: aliases make the document longer by more than 1000000 characters"
    ])
    const start = "tasks: [{ method: a/b }]\nmetadata:\n"
    assert.deepStrictEqual(messages(`${start}  a: &a [*a]\n  b: *c\n`), [
      "f.yaml:3:10: the alias *a stands inside what it stands for",
      "f.yaml:4:6: the alias *c has no anchor &c before it"
    ])
    assert.deepStrictEqual(
      messages(`${start}  a: !!js/function 'x'\n  b: !python/object {}\n  c: !!binary aGk=\n  d: !!str 5\n`),
      [
        "f.yaml:3:6: the tag !!js/function is refused: a workflow holds plain values",
        "f.yaml:4:6: the tag !python/object is refused: a workflow holds plain values",
        "f.yaml:5:6: the tag !!binary is refused: a workflow holds plain values"
      ]
    )
    assert.deepStrictEqual(messages(`${start}  a: 1\n  5: x\n  ? [b]\n  : y\n  a: 2\n  __proto__: z\n  c: .inf\n`), [
      'f.yaml:4:3: the key 5 is not text: put it in quotes, "5"',
      "f.yaml:5:5: a key is text, not a list, a mapping or an alias",
      'f.yaml:7:3: the key "a" is given twice, first on line 3',
      "f.yaml:8:3: `__proto__` cannot be the name of a key",
      "f.yaml:9:6: .inf is a number that JSON has no form for"
    ])
    const large = WorkflowFile.parse({ text: `${start}  n: 12345678901234567891\n  same: 9007203746734404\n` })
    assert.deepStrictEqual(large.diagnostics.map(format), [
      "3:6: warning: the number 12345678901234567891 is too large to be exact: put it in quotes to keep its digits"
    ])
    assert.isDefined(large.workflow)
  })

  it("does not hide another: all of a file are told at once, in order", () => {
    const { diagnostics, workflow } = WorkflowFile.parse(fixture("mistakes.yaml"))
    assert.isUndefined(workflow)
    assert.deepStrictEqual(diagnostics.map(format), [
      'mistakes.yaml:2:1: unknown key "verson" in a workflow, did you mean "version"?',
      "mistakes.yaml:3:18: `max_concurrency`: expected a whole number from 1, found 0",
      'mistakes.yaml:4:10: `timeout`: "soon" is no duration, expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d',
      'mistakes.yaml:6:18: expected one of the types string, integer, number, boolean, array, object or null, found "int", did you mean "integer"?',
      'mistakes.yaml:7:36: `default` does not fit its own schema: expected a whole number, found "many"',
      'mistakes.yaml:7:42: unknown key "minumum" in an input, did you mean "minimum"?',
      'mistakes.yaml:11:5: unknown key "parms" in a task, did you mean "params"?',
      'mistakes.yaml:13:14: unknown key "max_atempts" in `retry`, did you mean "max_attempts"?',
      'mistakes.yaml:14:15: `priority`: expected urgent, high, normal, low or 0 to 3, found "urgnt", did you mean "urgent"?',
      'mistakes.yaml:15:9: duplicate task id "a", first on line 9',
      'mistakes.yaml:17:13: "execute" names no protocol: write PROTOCOL/execute, or give the task a `protocol`',
      "mistakes.yaml:19:5: `concurrency` is of a task with `foreach`; all tasks together have `max_concurrency`",
      'mistakes.yaml:21:13: "python/execute" is not of the protocol llm/v1, did you mean "llm/execute"?',
      'mistakes.yaml:23:15: `on_error`: expected fail or continue, found "contine", did you mean "continue"?',
      'mistakes.yaml:24:5: expected a task, a mapping with `method` and `params`, found "just text"',
      "mistakes.yaml:25:5: the task has no `method`, such as llm/chat or python/execute",
      'mistakes.yaml:25:9: a task cannot be called "result": in a reference the word stands for something else',
      "mistakes.yaml:26:13: `params`: expected a mapping, found 5",
      'mistakes.yaml:30:5: "depends_on" says the same as "needs", expected one of them',
      'mistakes.yaml:35:1: unknown key "cache" in a workflow, expected name, id, version, description, tags, metadata, inputs, defaults, providers, secrets, env, timeout or 9 more'
    ])
  })

  it("of a task is told with what was expected", () => {
    const cases: ReadonlyArray<readonly [lines: string, message: string]> = [
      [
        "    timeout: -3",
        "f.yaml:4:14: `timeout`: a duration cannot be negative, expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d"
      ],
      ["    timeout: 0", "f.yaml:4:14: `timeout`: expected more than 0"],
      [
        "    timeout: true",
        "f.yaml:4:14: `timeout`: expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d, found true"
      ],
      ["    priority: 4", "f.yaml:4:15: `priority`: expected urgent, high, normal, low or 0 to 3, found 4"],
      ["    once: yes", 'f.yaml:4:11: `once`: expected true or false, found "yes"'],
      ["    retry: 3", "f.yaml:4:12: `retry`: expected a mapping, found 3"],
      ["    retry: { max_attempts: 0 }", "f.yaml:4:28: `max_attempts`: expected a whole number from 1, found 0"],
      ["    retry: { backoff: expo }", 'f.yaml:4:23: `backoff`: expected fixed, linear or exponential, found "expo"'],
      ["    retry: { delay: 5m, max_delay: 1m }", "f.yaml:4:5: `retry`: `delay` is longer than `max_delay`"],
      [
        "    retry: { backoff: fixed, exponential_backoff: true }",
        "f.yaml:4:30: `exponential_backoff` contradicts `backoff`, expected one of them"
      ],
      [
        "    retry: { on: [{}] }",
        "f.yaml:4:19: `on`: expected codes or names of errors, such as -29003 or TASK_TIMEOUT, found a mapping"
      ],
      ["    foreach: 3", "f.yaml:4:14: `foreach`: expected a list, a reference to one, or an expression, found 3"],
      ["    dependencies: { a: b }", "f.yaml:4:19: `dependencies`: expected a list of names, found a mapping"],
      ["    dependencies: [[a]]", "f.yaml:4:20: `dependencies`: expected text, found a list"],
      ["    if: [a]", "f.yaml:4:9: `if`: expected text, found a list"],
      [
        "    protocol: data",
        'f.yaml:4:15: "data" is no protocol, expected a name and a version such as llm/v1, did you mean "data/v1"?'
      ],
      ["    cache: 3", "f.yaml:4:12: `cache`: expected true, false or a mapping with `ttl` and `key`, found 3"],
      ["    cache: { tll: 1d }", 'f.yaml:4:14: unknown key "tll" in `cache`, did you mean "ttl"?'],
      ["    cache: { ttl: 0 }", "f.yaml:4:19: `ttl`: expected more than 0"],
      ["    cache: { key: '' }", "f.yaml:4:19: `key` is empty, expected text"],
      ["    effects: read", 'f.yaml:4:14: `effects`: expected reads or writes, found "read", did you mean "reads"?'],
      ["    budget: 3", "f.yaml:4:13: `budget`: expected a mapping, found 3"],
      ["    budget: {}", "f.yaml:4:13: `budget` limits nothing, expected tokens, cost_usd, calls or duration"],
      ["    budget: { token: 3 }", 'f.yaml:4:15: unknown key "token" in `budget`, did you mean "tokens"?'],
      ["    budget: { tokens: 0 }", "f.yaml:4:23: `tokens`: expected a number above 0, found 0"],
      ["    budget: { cost_usd: free }", 'f.yaml:4:25: `cost_usd`: expected a number above 0, found "free"'],
      ["    budget: { duration: 0 }", "f.yaml:4:25: `duration`: expected more than 0"],
      ["    repeat: 3", "f.yaml:4:13: `repeat`: expected a mapping, found 3"],
      [
        "    repeat: { max: 3 }",
        "f.yaml:4:5: `repeat` has no `until`: the condition that ends it, such as result.score > 8"
      ],
      ["    repeat: { until: 'result.x' }", "f.yaml:4:5: `repeat` has no `max`: how often at most, 1 to 1000"],
      ["    repeat: { until: x, max: 1001 }", "f.yaml:4:30: `max`: expected a whole number from 1 to 1000, found 1001"],
      ["    repeat: { until: x, max: 0 }", "f.yaml:4:30: `max`: expected a whole number from 1 to 1000, found 0"],
      ["    repeat: { until: x, max: 1, on_max: go }", 'f.yaml:4:41: `on_max`: expected fail or continue, found "go"'],
      [
        "    repeat: { util: x, max: 1, until: y }",
        'f.yaml:4:15: unknown key "util" in `repeat`, did you mean "until"?'
      ],
      [
        "    inputs: { x: 1 }",
        'f.yaml:4:5: `inputs` are of a task with `workflow`: a method gets `params`, did you mean "params"?'
      ],
      ["    retrys: 3", 'f.yaml:4:5: unknown key "retrys" in a task, did you mean "retry"?'],
      ["    provider: ''", "f.yaml:4:15: `provider` is empty, expected text"]
    ]
    for (const [lines, message] of cases) assert.deepStrictEqual(taskMessages(lines), [message])
  })

  it("of an id or a name is told", () => {
    const ids = (first: string, second: string) =>
      messages(`tasks:\n  - { method: a/b, ${first} }\n  - { method: a/b, ${second} }`)
    assert.deepStrictEqual(ids("id: a", 'id: "x}"'), [
      'f.yaml:3:24: "x}" cannot be the id of a task, expected no $, {, } and no control characters'
    ])
    assert.deepStrictEqual(ids("id: a", "name: inputs"), [
      'f.yaml:3:26: a task cannot be called "inputs": in a reference the word stands for something else'
    ])
    assert.deepStrictEqual(ids("id: a", `id: ${"x".repeat(201)}`).length, 1)
    assert.deepStrictEqual(ids("id: a", "id: b, name: a"), [
      'f.yaml:3:33: the name "a" is the id of another task, on line 2'
    ])
    assert.deepStrictEqual(ids("name: a", "name: a"), ['f.yaml:3:26: duplicate task id "a", first on line 2'])
    assert.deepStrictEqual(
      messages("tasks:\n  - { id: a, name: N, method: x/y }\n  - { id: b, name: N, method: x/y, needs: [N] }"),
      ['f.yaml:3:44: "N" is the name of more than one task (ids a, b)']
    )
  })

  it("of the workflow's keys is told, and what is not supported is refused", () => {
    const rest = "tasks: [{ method: a/b }]\n"
    assert.deepStrictEqual(
      messages(`${rest}type: batch\nbatch: { directory: x }\ntemplate: {}\nbudget: { tokens: -3 }`),
      [
        "f.yaml:2:1: `type: batch` is not supported by this version",
        "f.yaml:3:1: `batch` is not supported by this version",
        "f.yaml:4:1: `template` is not supported by this version",
        "f.yaml:5:19: `tokens`: expected a number above 0, found -3"
      ]
    )
    assert.deepStrictEqual(places(`${rest}type: llm\n`), ["2:1 unknown-key"])
    assert.deepStrictEqual(messages(`${rest}defaults: { timeot: 3 }\noutputs: [1]\ninputs: 3\n`), [
      'f.yaml:2:13: unknown key "timeot" in `defaults`, did you mean "timeout"?',
      "f.yaml:3:10: `outputs`: expected a mapping, found a list",
      "f.yaml:4:9: `inputs`: expected a mapping, found 3"
    ])
    assert.deepStrictEqual(
      messages(
        `${rest}inputs:\n  "a b": {}\n  c: { type: [string, strng] }\n  d: { pattern: "(" }\n  e: { items: { type: dict } }\n  f: { enum: x }`
      ),
      [
        'f.yaml:3:3: "a b" is no name for an input, expected a letter or _ first, then letters, digits, _ and -',
        'f.yaml:4:23: expected one of the types string, integer, number, boolean, array, object or null, found "strng", did you mean "string"?',
        "f.yaml:5:17: `pattern`: expected a regular expression",
        'f.yaml:6:23: expected one of the types string, integer, number, boolean, array, object or null, found "dict", did you mean "object"?',
        'f.yaml:7:14: `enum`: expected a list of values, found "x"'
      ]
    )
    assert.deepStrictEqual(messages(`${rest}inputs:\n  key: { type: integer, secret: true, default: hunter2 }\n`), [
      "f.yaml:3:48: `default` does not fit its own schema: expected a whole number, found text"
    ])
  })
})

describe("a place", () => {
  const text = [
    "name: places",
    "defaults: { model: m, timeout: 5 }",
    "inputs:",
    "  topic: { type: string, default: x }",
    "tasks:",
    "  - name: first",
    "    method: llm/chat",
    "    parameters:",
    '      messages: [{ content: "ask ${inputs.topic}" }]',
    "      system: plain ${inputs.topic}",
    '      stop: "a\\tb ${inputs.topic}"',
    "    needs: [second]",
    "  - id: second",
    "    method: python/execute",
    "    params:",
    "      code: |",
    "        a = 1",
    "          b = ${first.content}",
    "",
    "        c = 2",
    "      folded: >",
    "        some ${x}",
    "    retry: { base_delay: 3 }",
    "outputs: { all: '${first.content}' }"
  ].join("\n")
  const { locate, locateKey } = WorkflowFile.parse({ text, file: "f.yaml" })
  const at = (path: WorkflowFile.CanonicalPath, offset?: number) => {
    const { column, line } = locate(path, offset)
    return `${line}:${column}`
  }
  const key = (path: WorkflowFile.CanonicalPath) => {
    const { column, line } = locateKey?.(path) ?? locate(path)
    return `${line}:${column}`
  }

  it("of the canonical form is found under every spelling", () => {
    assert.strictEqual(at(["name"]), "1:7")
    assert.strictEqual(at(["tasks", 0]), "6:5")
    assert.strictEqual(at(["tasks", 0, "id"]), "6:11")
    assert.strictEqual(at(["tasks", 0, "params", "messages", 0]), "9:18")
    assert.strictEqual(at(["tasks", 0, "dependencies", 0]), "12:13")
    assert.strictEqual(at(["tasks", 1, "retry", "delay"]), "23:26")
    assert.strictEqual(at(["inputs", "topic", "schema", "type"]), "4:18")
    assert.strictEqual(at(["outputs", "all"]), "24:17")
    assert.strictEqual(key(["tasks", 1, "retry", "delay"]), "23:14")
    assert.strictEqual(key(["tasks", 0, "params"]), "8:5")
  })

  it("inside a string is exact where the string is written as it is", () => {
    assert.strictEqual(at(["tasks", 0, "params", "messages", 0, "content"], 4), "9:34")
    assert.strictEqual(at(["tasks", 0, "params", "system"], 6), "10:21")
    assert.strictEqual(at(["tasks", 1, "params", "code"], 0), "17:9")
    assert.strictEqual(at(["tasks", 1, "params", "code"], 12), "18:15")
    assert.strictEqual(at(["tasks", 1, "params", "code"], 30), "20:9")
    assert.strictEqual(at(["outputs", "all"], 0), "24:18")
  })

  it("inside any other string is where the string begins", () => {
    assert.strictEqual(at(["tasks", 0, "params", "stop"], 4), "11:13")
    assert.strictEqual(at(["tasks", 1, "params", "folded"], 5), "21:15")
    assert.strictEqual(at(["tasks", 1, "params", "code"]), "16:13")
  })

  it("that is not there is where its nearest parent is", () => {
    assert.strictEqual(at(["tasks", 1, "params", "nowhere", "else"]), "16:7")
    assert.strictEqual(at(["tasks", 1, "params", "code", "deep"], 12), "16:13")
    assert.strictEqual(at(["tasks", 1, "foreach"]), "13:5")
    assert.strictEqual(at(["tasks", 7]), "6:3")
    assert.strictEqual(at([]), "1:1")
  })

  it("of what `defaults` gave is there", () => {
    assert.strictEqual(at(["tasks", 0, "params", "model"]), "2:20")
    assert.strictEqual(at(["tasks", 1, "timeout"]), "2:32")
  })

  it("in JSON is found too", () => {
    const json = WorkflowFile.parse({
      text: '{\n\t"tasks": [\n\t\t{ "method": "a/b", "params": { "x": "say ${t}" } }\n\t]\n}',
      file: "f.json"
    })
    assert.deepStrictEqual(json.locate(["tasks", 0, "params", "x"], 4), { line: 3, column: 44 })
  })

  it("in a literal block is exact with an indentation of its own and Windows line ends", () => {
    const parsed = WorkflowFile.parse({
      text: "tasks:\r\n  - method: a/b\r\n    params:\r\n      x: |2\r\n          y\r\n        zz\r\n"
    })
    assert.deepStrictEqual(parsed.workflow?.tasks[0].params, { x: "  y\nzz\n" })
    assert.deepStrictEqual(parsed.locate(["tasks", 0, "params", "x"], 2), { line: 5, column: 11 })
    assert.deepStrictEqual(parsed.locate(["tasks", 0, "params", "x"], 5), { line: 6, column: 10 })
  })
})

describe("a document given as a value", () => {
  it("reads as the text of it does", () => {
    const { text } = fixture("seed-data-pipeline.json")
    assert.deepStrictEqual(WorkflowFile.fromValue(JSON.parse(text)).workflow, read(text))
  })

  it("names the path of each mistake", () => {
    const { diagnostics } = WorkflowFile.fromValue({
      nme: "x",
      tasks: [
        { id: "a", method: "a/b", parms: {}, params: { n: 1n, f: () => 1 } },
        { id: "a", method: 5 }
      ]
    })
    assert.deepStrictEqual(diagnostics.map(format).toSorted(), [
      '1:1: nme: unknown key "nme" in a workflow, did you mean "name"?',
      "1:1: tasks[0].params.f: expected JSON, found a value of type function",
      "1:1: tasks[0].params.n: expected JSON, found a value of type bigint",
      '1:1: tasks[0].parms: unknown key "parms" in a task, did you mean "params"?',
      '1:1: tasks[1].id: duplicate task id "a", first at tasks[0]',
      '1:1: tasks[1].method: "5" is no method, expected a name such as llm/chat'
    ])
  })

  it("takes properties that are undefined for none, and refuses what turns in a circle", () => {
    assert.isDefined(WorkflowFile.fromValue({ name: undefined, tasks: [{ method: "a/b" }] }).workflow)
    const nested = (depth: number): unknown => (depth === 0 ? [] : [nested(depth - 1)])
    const tasks = [{ method: "a/b" }]
    assert.isDefined(WorkflowFile.fromValue({ tasks, metadata: nested(99) }).workflow)
    assert.isUndefined(WorkflowFile.fromValue({ tasks, metadata: nested(100) }).workflow)
    const circle: Record<string, unknown> = { tasks: [] }
    circle["metadata"] = circle
    assert.match(WorkflowFile.fromValue(circle).diagnostics.map(format)[0] ?? "", /nested more than 100 deep$/)
    assert.match(WorkflowFile.fromValue(new Date(0)).diagnostics.map(format)[0] ?? "", /expected JSON/)
    assert.deepStrictEqual(WorkflowFile.fromValue(undefined).workflow, undefined)
  })
})

/** Text put together from these looks much like a workflow. */
const pieces = Schema.Array(
  Schema.Literals([
    "name: ",
    "tasks:",
    "\n",
    "\n  - ",
    "\n    ",
    "id: a",
    "method: llm/chat",
    "params: ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "|\n      x\n",
    "&a ",
    "*a",
    "<<: ",
    "!!js/x ",
    "? ",
    "- ",
    ": ",
    "'",
    '"',
    "\t",
    "#",
    "---\n",
    "%YAML 1.1\n",
    "${a.b}",
    "retry: ",
    "inputs: ",
    "workflow: ",
    "workflow:\n      - id: b\n        ",
    "repeat: { until: ",
    "cache: ",
    "budget: ",
    "5",
    "null",
    "\\",
    "\r\n",
    "🦊"
  ])
)

const Word = Schema.Literals([
  "a",
  "my task",
  "ünï",
  "key-1",
  "null",
  "true",
  "5",
  "~",
  "- a",
  "#x",
  "a: b",
  "'q",
  "*z",
  "🦊"
])
const Entries = Schema.Array(Schema.Tuple([Word, Schema.Json]))
const Milliseconds = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 ** 9 }))
const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
const Rank = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
const optional = Schema.optionalKey

const Amount = Schema.Finite.check(Schema.isGreaterThan(0))
const Limits = Schema.Struct({
  tokens: Amount,
  cost_usd: optional(Amount),
  calls: optional(Count),
  duration: optional(Milliseconds)
})

/** The parts of a workflow that may be anything. */
const Parts = Schema.Struct({
  name: Word,
  description: optional(Schema.NonEmptyString),
  tags: optional(Schema.Array(Schema.NonEmptyString)),
  metadata: optional(Schema.Json),
  timeout: optional(Milliseconds),
  fail_fast: optional(Schema.Boolean),
  max_concurrency: optional(Count),
  priority: optional(Rank),
  budget: optional(Limits),
  outputs: optional(Entries)
})

/** What a task has also when it holds a workflow. */
const StandingParts = Schema.Struct({
  if: optional(Schema.NonEmptyString),
  on_error: optional(Schema.Literals(["fail", "continue"])),
  priority: optional(Rank),
  repeat: optional(
    Schema.Struct({
      until: Schema.NonEmptyString,
      max: Count,
      on_max: optional(Schema.Literals(["fail", "continue"]))
    })
  ),
  budget: optional(Limits)
})
const TaskParts = Schema.Struct({
  ...StandingParts.fields,
  label: optional(Word),
  params: Entries,
  foreach: optional(Schema.Union([Schema.NonEmptyString, Schema.Array(Schema.Json)])),
  timeout: optional(Milliseconds),
  once: optional(Schema.Boolean),
  cache: optional(Schema.Struct({ ttl: optional(Milliseconds), key: optional(Schema.NonEmptyString) })),
  effects: optional(Schema.Literals(["reads", "writes"])),
  retry: optional(
    Schema.Struct({
      max_attempts: Count,
      delay: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
      backoff: Schema.Literals(["fixed", "linear", "exponential"]),
      max_delay: Schema.Int.check(Schema.isBetween({ minimum: 1000, maximum: 10 ** 9 })),
      jitter: Schema.Boolean
    })
  )
})

describe("reading", () => {
  it.prop("never throws, whatever the text", { text: Schema.String, like: pieces }, ({ like, text }) => {
    for (const one of [text, like.join(""), `{"tasks": ${text}`]) {
      for (const file of ["f.yaml", "f.json"]) {
        const parsed = WorkflowFile.parse({ text: one, file })
        assert.strictEqual(
          parsed.workflow === undefined,
          parsed.diagnostics.some(({ severity }) => severity === "error")
        )
        parsed.locate(["tasks", 0, "params", "x"], 3)
      }
    }
  })

  it.prop(
    "gives back a canonical workflow that was written as YAML or JSON",
    { parts: Parts, tasks: Schema.Array(TaskParts), nesting: Schema.Array(StandingParts) },
    ({ nesting, parts, tasks }) => {
      const [first = { params: [] }, ...others] = tasks
      const { outputs, ...rest } = parts
      const canonical = (task: typeof TaskParts.Type, number: number): Task => ({
        ...task,
        params: Object.fromEntries(task.params),
        id: `t${number}`,
        protocol: "data/v1",
        method: "data/value",
        ...(number === 0 ? {} : { dependencies: [`t${number - 1}`] })
      })
      const flat: Workflow = {
        name: "flat",
        outputs: Object.fromEntries(outputs ?? []),
        tasks: [canonical(first, 0), ...others.map((task, i) => canonical(task, i + 1))]
      }
      const inner = nesting.slice(0, 20).reduce(
        (workflow, standing): Workflow => ({
          name: "nesting",
          outputs: { o: "${n}" },
          tasks: [{ ...standing, id: "n", protocol: "workflow/v1", method: "workflow", params: {}, workflow }]
        }),
        flat
      )
      const workflow: Workflow = { ...inner, ...rest }
      // JSON has no -0, nor has what is compared
      const plain: unknown = JSON.parse(JSON.stringify(workflow))
      const json = JSON.stringify(written(workflow))
      // refused
      if (json.includes("__proto__")) return
      assert.deepStrictEqual(read(json, undefined), plain)
      assert.deepStrictEqual(read(stringify(JSON.parse(json))), plain)
      assert.deepStrictEqual(WorkflowFile.fromValue(JSON.parse(json)).workflow, plain)
    }
  )
})
