import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Check from "../src/Check.ts"
import type { Contract } from "../src/Contract.ts"
import { DataV1 } from "../src/DataV1.ts"
import { format } from "../src/Diagnostic.ts"
import { LlmV1 } from "../src/LlmV1.ts"
import * as Protocol from "../src/Protocol.ts"
import { PythonV1 } from "../src/PythonV1.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { task, workflow } from "./Documents.ts"

const tool: Contract = {
  protocol: "mcp/v1",
  method: "mcp/tool.function_name",
  description: "A tool",
  effects: "writes",
  params: { type: "object", properties: { input: {} } },
  result: {
    type: "object",
    properties: {
      rows: { type: "array", items: { type: "object", properties: { id: {} }, additionalProperties: false } },
      note: { type: "string" }
    },
    required: ["rows"],
    additionalProperties: false
  }
}
const contracts = [...[LlmV1, PythonV1, DataV1].flatMap((protocol) => Protocol.contracts(protocol)), tool]

const check = (text: string, known: ReadonlyArray<Contract> | undefined = contracts, file = "f.yaml") =>
  Check.check(WorkflowFile.parse({ text, file }), known).map(format)

/** Of tasks that begin on line 2. */
const tasks = (...lines: ReadonlyArray<string>) => check(["tasks:", ...lines.map((line) => `  - ${line}`)].join("\n"))

const fixture = (file: string) => readFileSync(new URL(`fixtures/${file}`, import.meta.url), "utf8")

describe("what is called", () => {
  it("is on duty, or else the nearest that is gets named", () => {
    assert.deepStrictEqual(tasks("method: llm/caht"), [
      'f.yaml:2:13: llm/v1 has no method "llm/caht", expected llm/chat, llm/generate, llm/complete, llm/vision, llm/embeddings, llm/embed or llm/models, did you mean "llm/chat"?'
    ])
    assert.deepStrictEqual(tasks("method: lm/chat"), [
      'f.yaml:2:13: no provider of lm/v1 is on duty for "lm/chat" (on duty: llm/v1, python/v1, data/v1, mcp/v1), did you mean "llm/chat"?'
    ])
    assert.deepStrictEqual(tasks("{ method: data/value, protocol: data/v2 }"), [
      'f.yaml:2:15: no provider of data/v2 is on duty for "data/value" (on duty: llm/v1, python/v1, data/v1, mcp/v1), did you mean "data/v1"?'
    ])
    assert.deepStrictEqual(check("tasks: [{ method: data/value }]", []), [
      'f.yaml:1:19: no provider of data/v1 is on duty for "data/value" (nothing is on duty)'
    ])
    assert.deepStrictEqual(check("providers: [llm/v1, pyton/v1, ollama]\ntasks: [{ method: data/value }]"), [
      'f.yaml:1:21: no provider of pyton/v1 is on duty (on duty: llm/v1, python/v1, data/v1, mcp/v1), did you mean "python/v1"?'
    ])
  })

  it("is not looked at when nobody knows what can be called", () => {
    const parsed = WorkflowFile.parse({ text: "tasks: [{ method: no/such, params: { x: 1 } }]" })
    assert.deepStrictEqual(Check.check(parsed, undefined), [])
    assert.deepStrictEqual(check("tasks: [{ method: llm/caht }]").length, 1)
  })

  it("computes an expression that can be computed, of references alone", () => {
    const evaluated = (expr: string) =>
      check(
        `inputs: { text: { type: string } }\ntasks:\n  - id: t\n    method: data/eval\n    params: { expr: ${JSON.stringify(expr)} }`
      )
    assert.deepStrictEqual(evaluated("size(${inputs.text}) + 1"), [])
    assert.deepStrictEqual(evaluated("1 +"), ["f.yaml:5:25: `expr`: Unexpected token: EOF"])
    assert.deepStrictEqual(evaluated("${inputs.text} + 1"), ["f.yaml:5:22: `expr`: `+` cannot take text and a number"])
    assert.deepStrictEqual(evaluated("1 + inputs.text.size()"), [
      'f.yaml:5:26: `expr`: "inputs.text" has no value here: write it as a reference, in `${...}`, did you mean "${inputs.text}"?'
    ])
    assert.lengthOf(evaluated("${inputs.txt} + 1"), 1)
  })

  it("whose field is asked for may be looked at in the same expression", () => {
    const conditioned = (condition: string) =>
      check(
        `tasks:\n  - { id: h, method: llm/chat, params: { prompt: x } }\n  - { method: data/value, if: "${condition}" }`
      )
    assert.deepStrictEqual(conditioned("has(h.simulated) && h.simulated == true"), [])
    assert.deepStrictEqual(conditioned("!has(h.warnings) || h.warnings == []"), [])
    assert.lengthOf(conditioned("has(h.simulated) && h.warnings == []"), 1)
  })

  it("that is deprecated is a warning", () => {
    const [first] = contracts
    const old = first === undefined ? [] : [{ ...first, deprecated: "llm/generate" }]
    assert.deepStrictEqual(check("tasks: [{ method: llm/chat, params: { prompt: x } }]", old), [
      "f.yaml:1:19: warning: llm/chat is deprecated, use llm/generate instead"
    ])
  })

  it("gets params that fit, each mistake with its place", () => {
    assert.deepStrictEqual(
      check(
        [
          "tasks:",
          "  - method: llm/chat",
          "    params:",
          "      promt: hi",
          "      temperature: hot",
          "      top_p: 3",
          "      messages:",
          "        - role: usr",
          "          contnt: x"
        ].join("\n")
      ),
      [
        'f.yaml:4:7: llm/chat has no param "promt", expected messages, prompt, model, system, images, image_path, file_path, files, directory, file_pattern, temperature, max_tokens or 10 more, did you mean "prompt"?',
        'f.yaml:5:20: `temperature`: expected a number, found "hot"',
        "f.yaml:6:14: `top_p`: expected at most 1, found 3",
        'f.yaml:8:11: llm/chat: missing "content" in `messages[0]`',
        'f.yaml:8:17: `messages[0].role`: expected "system", "user", "assistant" or "tool", found "usr", did you mean "user"?',
        'f.yaml:9:11: llm/chat has no param "contnt" in `messages[0]`, expected role, content or images, did you mean "content"?'
      ]
    )
    assert.deepStrictEqual(tasks("{ method: llm/chat, params: {} }"), [
      'f.yaml:2:25: llm/chat: missing "messages" or "prompt" in `params`'
    ])
    assert.deepStrictEqual(tasks("{ method: python/execute, params: { code: x, file: y } }"), [
      'f.yaml:2:31: `params`: expected just one of "code", "file" or "script"'
    ])
  })

  it("is not asked about params that could not be read", () => {
    assert.deepStrictEqual(tasks("{ method: llm/chat, params: 5 }"), [
      "f.yaml:2:33: `params`: expected a mapping, found 5"
    ])
  })

  it("may get references where any type is wanted, but under known names", () => {
    assert.deepStrictEqual(
      check(
        'inputs: { n: {} }\ntasks: [{ method: llm/chat, params: { prompt: x, temperature: "${inputs.n}", stop: ["${inputs.n}", 4], temprature: "${inputs.n}" } }]'
      ),
      [
        "f.yaml:2:100: `stop[1]`: expected text, found 4",
        'f.yaml:2:104: llm/chat has no param "temprature", expected messages, prompt, model, system, images, image_path, file_path, files, directory, file_pattern, temperature, max_tokens or 10 more, did you mean "temperature"?'
      ]
    )
  })

  it("may get a timeout in its params, as the seeds write it", () => {
    const parsed = WorkflowFile.parse({ text: fixture("seed-parameters.yaml") })
    assert.deepStrictEqual(Check.check(parsed, contracts).map(format), [])
    const adopted = parsed.workflow === undefined ? undefined : Check.adopt(parsed.workflow, contracts)
    // of Python it is a param
    assert.deepStrictEqual(adopted?.tasks[0].params, { script: "generate_data.py", timeout: 30 })
    assert.isUndefined(adopted?.tasks[0].timeout)
  })
})

describe("adopt", () => {
  it("leaves a timeout where the method has such a param, or takes any", () => {
    const own: Contract = { ...tool, params: { type: "object", properties: { timeout: {} } } }
    const written = workflow([
      task("any", { params: { timeout: 3 } }),
      task("own", { method: tool.method, protocol: tool.protocol, params: { timeout: 3 } }),
      task("unknown", { method: "no/such", params: { timeout: 3 } })
    ])
    assert.deepStrictEqual(Check.adopt(written, [...contracts.slice(0, -1), own]), written)
    assert.deepStrictEqual(Check.adopt(written, contracts).tasks[1]?.timeout, 3000)
  })

  it("leaves what is no duration for check to complain about", () => {
    const written = workflow([task("a", { method: "llm/chat", params: { timeout: "soon" } })])
    assert.deepStrictEqual(Check.adopt(written, contracts), written)
  })
})

describe("what a reference or an expression speaks of", () => {
  it("is a task or a root, or else the nearest is named", () => {
    assert.deepStrictEqual(
      tasks("{ id: first, method: data/value }", "{ method: data/value, params: { x: 'a ${frst.x} b' } }"),
      [
        'f.yaml:3:43: ${frst.x}: "frst" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks, did you mean "first"?'
      ]
    )
    const inCode = check(
      "tasks:\n  - id: first\n    method: data/value\n  - method: python/execute\n    params:\n      code: |\n        a = 1\n        b = ${frst.x}\n"
    )
    assert.match(inCode.join(), /^f\.yaml:8:13: .*did you mean "first"\?$/)
    const condition = tasks("{ id: first, method: data/value }", "{ method: data/value, if: 'frst.x > 3 && first.y' }")
    assert.match(condition.join(), /^f\.yaml:3:32: `if`: .*did you mean "first"\?$/)
    assert.match(
      check("tasks: [{ id: a, method: data/value }]\noutputs:\n  x: ${b}\n").join(),
      /^f\.yaml:3:6: \$\{b\}: /
    )
    assert.match(tasks("{ method: data/value, foreach: 'nope.rows' }").join(), /^f\.yaml:2:37: `foreach`: /)
    assert.match(tasks("{ method: data/value, foreach: [a, '${nope}'] }").join(), /^f\.yaml:2:41: \$\{nope\}: /)
  })

  it("is declared, if it is an input, a variable or a secret", () => {
    const text = (params: string) =>
      `inputs: { topic: {} }\nenv: [HOME]\nsecrets: [KEY]\ntasks: [{ method: data/value, params: { x: '${params}' } }]`
    assert.deepStrictEqual(check(text("${inputs.topic} ${env.HOME} ${secrets.KEY} ${run.id}")), [])
    assert.deepStrictEqual(check(text("${inputs.topc} ${env.HOM} ${secrets.KEYS} ${run.nme}")), [
      'f.yaml:4:45: the input "topc" is not declared under `inputs`, expected topic, did you mean "topic"?',
      'f.yaml:4:60: the variable "HOM" is not listed under `env`, did you mean "HOME"?',
      'f.yaml:4:71: the secret "KEYS" is not listed under `secrets`, did you mean "KEY"?',
      'f.yaml:4:87: `run` has no "nme", expected id, name or started_at, did you mean "name"?'
    ])
    assert.deepStrictEqual(tasks("{ method: data/value, if: inputs.x > 1 }"), [
      'f.yaml:2:31: the input "x" is not declared under `inputs`'
    ])
    assert.deepStrictEqual(tasks("{ method: data/value, if: has(inputs.x) }"), [
      'f.yaml:2:35: the input "x" is not declared under `inputs`'
    ])
  })

  it("is there in that place", () => {
    assert.deepStrictEqual(
      tasks(
        "{ id: each, method: data/value, foreach: [1], if: item > 0, params: { x: '${item} ${index}' } }",
        "{ id: list, method: data/value, foreach: '${item}' }",
        "{ id: one, method: data/value, if: index > 0, params: { x: '${item}', y: '${previous} ${iteration} ${result}' } }"
      ),
      [
        "f.yaml:3:47: `item` is there once the list is: not in the `foreach` itself",
        "f.yaml:4:40: `index` is there only in a task with `foreach`",
        "f.yaml:4:65: `item` is there only in a task with `foreach`",
        "f.yaml:4:79: `previous` is there only in a task with `repeat`",
        "f.yaml:4:91: `iteration` is there only in a task with `repeat`",
        "f.yaml:4:104: `result` is there only in a task with `repeat`"
      ]
    )
  })

  it("is there in that place of a task with `repeat`", () => {
    const of = (keys: string) =>
      tasks(`{ id: t, method: mcp/tool.function_name, repeat: { until: 'result.rows != []', max: 3 }, ${keys} }`)
    assert.deepStrictEqual(of("params: { input: '${previous.rows ?? iteration}' }"), [])
    assert.deepStrictEqual(of("if: previous == null && iteration < 2"), [
      "f.yaml:2:98: `previous` is there once the task runs: not in its `if`",
      "f.yaml:2:118: `iteration` is there once the task runs: not in its `if`"
    ])
    assert.deepStrictEqual(of("foreach: '${result}'"), [
      "f.yaml:2:104: `result` is there once the task runs: not in its `foreach`"
    ])
    assert.deepStrictEqual(of("params: { input: '${result.rows}' }"), [
      'f.yaml:2:112: `result` is there once an iteration is over, in `until`: what it was before is `previous`, did you mean "previous"?'
    ])
    assert.deepStrictEqual(of("params: { input: '${previous.rws}' }"), [
      'f.yaml:2:112: `previous` (mcp/tool.function_name): there is no "rws", expected rows or note, did you mean "rows"?'
    ])
    const until = (text: string, keys = "") =>
      tasks(
        "{ id: a, method: data/value, if: run.id != '' }",
        `{ id: t, method: mcp/tool.function_name, repeat: { max: 3, until: '${text}' }${keys} }`
      )
    for (const well of [
      "result.rows[0].id > 1 && iteration < 3",
      "result.result.rows == []",
      "previous != null && has(result.note) && !has(result.gone)",
      "inputs != null && run.id != null"
    ]) {
      assert.deepStrictEqual(until(well), [])
    }
    assert.deepStrictEqual(until("item > 1 || index > 1", ", foreach: [1]"), [])
    assert.deepStrictEqual(until("result.rws > 1"), [
      'f.yaml:3:72: `result` (mcp/tool.function_name): there is no "rws", expected rows or note, did you mean "rows"?'
    ])
    assert.deepStrictEqual(until("reslt.rows > 1").length, 1)
    assert.match(until("item > 1").join(), /`item` is there only in a task with `foreach`$/)
    assert.deepStrictEqual(until("a.x > 1"), [
      'f.yaml:3:72: warning: "a" may be skipped (it has an `if`): this task is skipped then'
    ])
    assert.deepStrictEqual(until("t.rows > 1"), [
      'f.yaml:3:72: task "t" waits for itself: its own result is `result` there, did you mean "result"?'
    ])
    assert.deepStrictEqual(of("params: { input: '${t.rows}' }"), [
      'f.yaml:2:112: task "t" waits for itself: its own result is `previous` there, did you mean "previous"?'
    ])
    assert.deepStrictEqual(
      check("secrets: [K]\ntasks: [{ method: data/value, repeat: { until: secrets.K == 1, max: 2 } }]"),
      ["f.yaml:2:48: `until`: a secret cannot be looked at in an expression"]
    )
  })

  it("is a secret only in params", () => {
    const text = "secrets: [K]\ninputs: { s: { secret: true } }\n"
    assert.deepStrictEqual(
      check(`${text}tasks: [{ method: data/value, params: { a: '\${secrets.K} \${inputs.s}' } }]`),
      []
    )
    assert.deepStrictEqual(
      check(
        `${text}tasks:\n  - { method: data/value, if: secrets.K == '', foreach: ['\${secrets.K}'] }\noutputs: { o: '\${secrets.K}', p: '\${inputs.s}' }`
      ),
      [
        "f.yaml:4:31: `if`: a secret cannot be looked at in an expression",
        "f.yaml:4:59: a secret cannot stand in `foreach`, only in the params of a task",
        "f.yaml:5:16: a secret cannot stand in `outputs`, only in the params of a task",
        "f.yaml:5:35: a secret cannot stand in `outputs`, only in the params of a task"
      ]
    )
  })

  it("has the path, as far as the result's schema tells", () => {
    const tool = "{ id: t, method: mcp/tool.function_name }"
    const paths = (path: string, first = tool) => tasks(first, `{ method: data/value, params: { x: '\${t${path}}' } }`)
    for (const path of ["", ".rows", ".rows[0].id", ".rows[0].id.deep", ".result", ".output.rows", ".error.message"]) {
      assert.deepStrictEqual(paths(path), [])
    }
    assert.deepStrictEqual(paths(".rws"), [
      'f.yaml:3:41: the result of "t" (mcp/tool.function_name): there is no "rws", expected rows or note, did you mean "rows"?'
    ])
    assert.deepStrictEqual(paths(".rows.id"), [
      'f.yaml:3:41: the result of "t" (mcp/tool.function_name): there is no "id"'
    ])
    assert.deepStrictEqual(paths(".rows[0].ids"), [
      'f.yaml:3:41: the result of "t" (mcp/tool.function_name): there is no "ids", expected id, did you mean "id"?'
    ])
    assert.deepStrictEqual(paths(".note.x"), [
      'f.yaml:3:41: the result of "t" (mcp/tool.function_name): there is no "x"'
    ])
    const each = "{ id: t, method: mcp/tool.function_name, foreach: [1] }"
    for (const path of [".rows", "[0].rows", ".rows[0]", ".failures", "[0]"])
      assert.deepStrictEqual(paths(path, each), [])
    assert.match(paths("[0].nte", each).join(), /there is no "nte".* did you mean "note"\?$/)
    const chat = "{ id: t, method: llm/chat, params: { prompt: x } }"
    assert.deepStrictEqual(paths(".whatever", chat), [])
    assert.deepStrictEqual(paths(".contnet", chat), [
      'f.yaml:3:41: warning: the result of "t" (llm/chat): there is no "contnet", but for one that its `result` may have, did you mean "content"?'
    ])
    assert.match(tasks(tool, "{ method: data/value, if: t.rws != 3 }").join(), /^f\.yaml:3:31: .*there is no "rws"/)
    assert.deepStrictEqual(tasks(tool, "{ method: data/value, if: has(t.rws) }"), [])
  })

  it("may be of a field that the result need not have, which is a warning without ??", () => {
    const chat = "{ id: t, method: llm/chat, params: { prompt: x } }"
    const use = (text: string) => tasks(chat, `{ method: data/value, ${text} }`)
    const open = 'the result of "t" (llm/chat) need not have "warnings": this task fails then'
    assert.deepStrictEqual(use("params: { x: '${t.warnings[0]}' }"), [
      `f.yaml:3:41: warning: ${open}; \`??\` and another value goes on without it`
    ])
    assert.deepStrictEqual(use("if: 't.warnings != []', params: { x: 1 }"), [
      `f.yaml:3:32: warning: ${open}; ask with \`has(...)\` first`
    ])
    for (const well of ["params: { x: '${t.warnings ?? []}' }", "if: has(t.warnings), params: { x: '${t.content}' }"]) {
      assert.deepStrictEqual(use(well), [])
    }
  })

  it("may have no value, which is a warning without ??", () => {
    const head = [
      "{ id: a, method: data/value, if: run.id != '' }",
      "{ id: b, method: data/value, on_error: continue }"
    ]
    assert.deepStrictEqual(
      tasks(
        ...head,
        "{ method: data/value, params: { x: '${a.x}', y: '${b.y}', z: '${a.x ?? b.y ?? 1} ${a.error}' } }"
      ),
      [
        'f.yaml:4:41: warning: "a" may be skipped (it has an `if`): this task is skipped then; `??` and another value goes on without it',
        'f.yaml:4:54: warning: "b" may fail and the run goes on (`on_error: continue`): this task is skipped then; `??` and another value goes on without it'
      ]
    )
    assert.deepStrictEqual(tasks(...head, "{ method: data/value, if: a.x > 1, needs: [b] }"), [
      'f.yaml:4:31: warning: "a" may be skipped (it has an `if`): this task is skipped then'
    ])
    assert.deepStrictEqual(
      tasks(...head, `{ method: data/value, if: 'tasks["a"].status == "skipped" && has(a.x)' }`),
      []
    )
    assert.deepStrictEqual(
      check("tasks:\n  - { id: a, method: data/value, if: run.id != '' }\noutputs: { o: '${a.x}' }"),
      [
        'f.yaml:3:16: warning: "a" may be skipped (it has an `if`): the output is left out then; `??` and another value goes on without it'
      ]
    )
    const each = "{ id: a, method: data/value, foreach: [1], if: item > 0, on_error: continue }"
    assert.deepStrictEqual(tasks(each, "{ method: data/value, params: { x: '${a}' } }"), [])
  })
})

describe("what a reference brings", () => {
  const item = { type: "object", properties: { id: { type: "integer" } }, additionalProperties: false }
  const count: Contract = {
    protocol: "x/v1",
    method: "x/count",
    description: "Counts",
    effects: "reads",
    params: {
      type: "object",
      properties: {
        n: { type: "integer" },
        text: { type: "string" },
        tags: { type: "array", items: { type: "string" } },
        items: { type: "array", items: item },
        item: { $ref: "#/$defs/item" },
        mode: { enum: ["a", "b"] },
        any: {}
      },
      additionalProperties: false,
      $defs: { item }
    },
    result: {
      type: "object",
      properties: {
        words: { type: "number" },
        text: { type: "string" },
        rows: {
          type: "array",
          items: { type: "object", properties: { id: { type: "integer" }, name: { type: "string" } }, required: ["id"] }
        }
      },
      required: ["words", "text", "rows"],
      additionalProperties: false
    }
  }
  const of = (keys: string, ...more: ReadonlyArray<string>) =>
    check(
      [
        "inputs: { n: { type: integer }, s: { type: string }, o: { type: object, additionalProperties: false, properties: { k: { type: string } } } }",
        "env: [HOME]",
        "secrets: [K]",
        "tasks:",
        "  - { id: t, method: x/count }",
        "  - { id: each, method: x/count, foreach: [1, 2] }",
        `  - { method: x/count, ${keys} }`,
        ...more
      ].join("\n"),
      [...contracts, count]
    )
  const params = (text: string, keys = "") => of(`params: { ${text} }${keys}`)

  it("may be what the param takes, as far as it is known", () => {
    for (const well of [
      "n: '${t.words}', text: '${t.text}', mode: '${t.text}', any: '${t.rows}'",
      "n: '${inputs.n}', text: '${inputs.s} ${t.words}', tags: ['${env.HOME}', '${secrets.K}', '${run.id}']",
      "n: '${t.text ?? 3}', items: '${t.rows}', tags: '${each.text}', item: { id: '${t.rows[0].id}' }",
      "text: '${each[0].text}', tags: ['${each.text[1]}']"
    ]) {
      assert.deepStrictEqual(params(well), [], well)
    }
  })

  it("is of another type where it stands alone", () => {
    assert.deepStrictEqual(params("n: '${t.text}'"), ["f.yaml:7:38: `${t.text}` is text, `n` takes a whole number"])
    assert.deepStrictEqual(params("text: '${t.words}'"), ["f.yaml:7:41: `${t.words}` is a number, `text` takes text"])
    assert.deepStrictEqual(params("tags: ['${t.rows[0].id}', '${t.text}']"), [
      "f.yaml:7:42: `${t.rows[0].id}` is a whole number, `tags[0]` takes text"
    ])
    assert.deepStrictEqual(params("items: [{ id: '${t.text}' }]"), [
      "f.yaml:7:49: `${t.text}` is text, `items[0].id` takes a whole number"
    ])
    assert.deepStrictEqual(params("item: '${t.rows}'"), ["f.yaml:7:41: `${t.rows}` is a list, `item` takes a mapping"])
    for (const [text, words] of [
      ["inputs.s", "text"],
      ["env.HOME", "text"],
      ["secrets.K", "text"],
      ["t.text ?? 'none'", "text"],
      ["t", "a mapping"],
      ["each", "a list"],
      ["each[0].text", "text"],
      ["each.text", "a list"]
    ] as const) {
      assert.deepStrictEqual(params(`n: "\${${text}}"`), [
        `f.yaml:7:38: \`\${${text}}\` is ${words}, \`n\` takes a whole number`
      ])
    }
    assert.deepStrictEqual(params(`mode: '\${tasks["t"].status}'`), [
      'f.yaml:7:41: `${tasks["t"].status}` is "completed", "failed" or "skipped", `mode` takes "a" or "b"'
    ])
    assert.deepStrictEqual(params("item: '${inputs.o}'"), [])
  })

  it("is text where it stands in a text", () => {
    assert.deepStrictEqual(params("n: 'about ${t.words}'"), [
      "f.yaml:7:44: `${t.words}` in a text is text, `n` takes a whole number"
    ])
  })

  it("is an item of the list, its number, or what was before", () => {
    const each = (list: string, text: string) => of(`foreach: ${list}, params: { ${text} }`)
    assert.deepStrictEqual(each("'${t.rows}'", "n: '${item.id}', any: '${item}'"), [])
    assert.deepStrictEqual(each("t.rows", "text: '${item.id}'").length, 1)
    assert.deepStrictEqual(each("[a, '${t.text}']", "n: '${item}'"), [
      "f.yaml:7:65: `${item}` is text, `n` takes a whole number"
    ])
    assert.deepStrictEqual(each("[{ k: 1 }]", "n: '${item.kk}'"), [
      'f.yaml:7:59: the items of `foreach`: there is no "kk", expected k, did you mean "k"?'
    ])
    assert.deepStrictEqual(each("[1]", "text: '${index}'").length, 1)
    const again = (text: string) => of(`repeat: { until: 'true', max: 2 }, params: { ${text} }`)
    assert.deepStrictEqual(again("text: '${previous.text}', n: '${iteration}'"), [])
    assert.deepStrictEqual(again("text: '${previous}'"), [
      "f.yaml:7:76: `${previous}` is null or a mapping, `text` takes text"
    ])
  })

  it("has the fields that an input declares", () => {
    assert.deepStrictEqual(params("text: '${inputs.o.k}'"), [])
    assert.deepStrictEqual(params("text: '${inputs.o.kk}'"), [
      'f.yaml:7:41: the input "o": there is no "kk", expected k, did you mean "k"?'
    ])
  })

  it("goes beside code, whatever it is", () => {
    assert.deepStrictEqual(
      check("tasks: [{ method: python/execute, params: { code: '${run.started_at}' } }]", contracts),
      []
    )
  })

  it("goes into a nested workflow as what its input is, and comes out as what its output is", () => {
    const nested = (given: string, used: string) =>
      of(
        "params: {}",
        `  - { id: outer, inputs: { i: '${given}' }, workflow: { inputs: { i: { type: integer } }, outputs: { sum: '\${a.text}', all: { deep: ['\${a}'] } }, tasks: [{ id: a, method: x/count }] } }`,
        `  - { method: x/count, params: { n: '${used}' } }`
      )
    assert.deepStrictEqual(nested("${t.words}", "${outer.all.deep[0].words}"), [])
    assert.deepStrictEqual(nested("${t.text}", "${outer.sum}"), [
      "f.yaml:8:32: `${t.text}` is text, `i` takes a whole number",
      "f.yaml:9:38: `${outer.sum}` is text, `n` takes a whole number"
    ])
    assert.deepStrictEqual(nested("${t.words}", "${outer.all.deep[0].wrds}"), [
      'f.yaml:9:38: the result of "outer" (workflow): there is no "wrds", expected words, text or rows, did you mean "words"?'
    ])
  })

  it("is a list where there are items to go through, and true or false in a condition", () => {
    assert.deepStrictEqual(of("foreach: '${t.text}'"), [
      "f.yaml:7:33: `foreach`: it gives text, `foreach` takes a list"
    ])
    assert.deepStrictEqual(of("if: t.words"), ["f.yaml:7:28: `if`: it gives a number, a condition gives true or false"])
    assert.deepStrictEqual(of("repeat: { max: 2, until: result.words == 'x' }"), [
      'f.yaml:7:49: `until`: a number is never equal to "x"'
    ])
    assert.deepStrictEqual(of("foreach: t.rows, if: item.id > 'x' || index > 1"), [
      "f.yaml:7:45: `if`: `>` cannot take a number and text"
    ])
    // what the document itself holds may be compared on purpose
    assert.deepStrictEqual(of("foreach: [1, 2], if: item == 'x' || item == 3"), [
      'f.yaml:7:45: warning: `if`: 1 or 2 is never equal to "x"',
      "f.yaml:7:60: warning: `if`: 1 or 2 is never equal to 3"
    ])
    // one mistake, one complaint
    assert.deepStrictEqual(of("if: t.wrds"), [
      'f.yaml:7:28: the result of "t" (x/count): there is no "wrds", expected words, text or rows, did you mean "words"?'
    ])
    assert.deepStrictEqual(of("foreach: t.rows, if: has(item.idd)"), [])
  })
})

describe("a provider", () => {
  const served = (provider: string, params: Contract["params"], method = "x/do", result: Contract["result"] = {}) => ({
    protocol: `${method.split("/")[0]}/v1`,
    method,
    description: "Does",
    effects: "reads" as const,
    params,
    result,
    provider
  })
  const text = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false }
  const number = { type: "object", properties: { a: { type: "integer" } }, additionalProperties: false }
  const known = [
    served("first", text, "x/do", text),
    served("second", number, "x/do", number),
    served("other", {}, "y/do")
  ]
  const of = (keys: string, all: ReadonlyArray<Contract> = known, more = "") =>
    check(`${more}tasks: [{ id: t, method: x/do, ${keys} }]`, all)

  it("that a task names serves its method, or else the nearest that does is named", () => {
    assert.deepStrictEqual(of("provider: second"), [])
    assert.deepStrictEqual(of("provider: secnd"), [
      'f.yaml:1:42: no provider "secnd" is on duty for x/do (on duty: first, second, other), did you mean "second"?'
    ])
    assert.deepStrictEqual(of("provider: other"), [
      'f.yaml:1:42: the provider "other" does not serve x/do, expected first or second'
    ])
    // who has no name may be anybody
    assert.deepStrictEqual(of("provider: nobody", [{ ...tool, protocol: "x/v1", method: "x/do" }]), [])
  })

  it("says what params there are, one of those who may serve it if none is named", () => {
    assert.deepStrictEqual(of("provider: second, params: { a: 1 }"), [])
    assert.deepStrictEqual(of("provider: first, params: { a: 1 }"), ["f.yaml:1:62: `a`: expected text, found 1"])
    assert.deepStrictEqual(of("params: { a: 1 }"), [])
    assert.deepStrictEqual(of("params: { a: x }"), [])
    assert.deepStrictEqual(of("params: { a: true }"), ["f.yaml:1:45: `a`: expected text, found true"])
    const use = (keys: string) =>
      check(
        `tasks: [{ id: t, method: x/do${keys} }, { method: x/do, provider: second, params: { a: '\${t.a}' } }]`,
        known
      )
    const mismatches = (keys: string) => use(keys).filter((message) => message.includes("is text, `a` takes"))
    assert.lengthOf(mismatches(", provider: first"), 1)
    assert.lengthOf(mismatches(", provider: second"), 0)
    assert.lengthOf(mismatches(""), 0)
  })

  it("may be wanted by the workflow, by its name or its protocol", () => {
    assert.deepStrictEqual(of("params: {}", known, "providers: [first, x/v1]\n"), [])
    assert.deepStrictEqual(of("params: {}", known, "providers: [frst]\n"), [
      'f.yaml:1:13: no provider "frst" is on duty (on duty: first, second, other), did you mean "first"?'
    ])
    assert.deepStrictEqual(of("params: {}", [...known, tool], "providers: [frst]\n"), [])
  })
})

describe("a cache", () => {
  const of = (keys: string) => check(`secrets: [K]\ninputs: { s: { secret: true } }\ntasks: [{ ${keys} }]`)
  const chat = "method: llm/chat, cache: true, params: { prompt: x }"

  it("is for methods that read, or calls that say so", () => {
    assert.deepStrictEqual(of(chat), [])
    assert.deepStrictEqual(of("method: python/execute, params: { code: x }, cache: {}"), [
      "f.yaml:3:56: `cache` is for calls that read, and python/execute is marked as one that writes; `effects: reads` says that this call changes nothing"
    ])
    assert.deepStrictEqual(of("method: python/execute, params: { code: x }, cache: {}, effects: reads"), [])
    assert.deepStrictEqual(of(`${chat}, effects: writes`), [
      "f.yaml:3:29: `cache` is for calls that read, and llm/chat is marked as one that writes"
    ])
    const unknown = WorkflowFile.parse({ text: "tasks: [{ method: no/such, cache: true, effects: writes }]" })
    assert.deepStrictEqual(
      Check.check(unknown, undefined).map(({ code }) => code),
      ["not-cacheable"]
    )
  })

  it("needs a key of its own where the params hold a secret", () => {
    const message = "the params hold a secret, which no key may hold: `cache` needs a `key` of its own"
    for (const secret of ["${secrets.K}", "Bearer ${inputs.s}"]) {
      assert.deepStrictEqual(of(`method: llm/chat, cache: true, params: { prompt: '${secret}' }`), [
        `f.yaml:3:29: ${message}`
      ])
      assert.deepStrictEqual(of(`method: llm/chat, cache: { key: k }, params: { prompt: '${secret}' }`), [])
    }
  })

  it("has a key whose references are looked at like those of params, and no secret in it", () => {
    const key = (text: string) =>
      tasks("{ id: a, method: data/value }", `{ method: llm/chat, params: { prompt: x }, cache: { key: '${text}' } }`)
    assert.deepStrictEqual(key("k ${a.x}"), [])
    assert.match(key("k ${aa.x}").join(), /^f\.yaml:3:65: \$\{aa\.x\}: .*did you mean "a"\?$/)
    assert.match(key("${iteration}").join(), /`iteration` is there only in a task with `repeat`$/)
    assert.deepStrictEqual(of("method: llm/chat, params: { prompt: x }, cache: { key: 'k ${secrets.K}' }"), [
      "f.yaml:3:69: a secret cannot stand in `cache.key`, only in the params of a task"
    ])
  })
})

describe("dependencies", () => {
  it("are tasks, or else the nearest is named", () => {
    assert.deepStrictEqual(
      tasks(
        "{ id: first, name: The first, method: data/value }",
        "{ method: data/value, needs: [frist, The frst, nowhere] }"
      ),
      [
        'f.yaml:3:35: there is no task "frist", did you mean "first"?',
        'f.yaml:3:42: there is no task "The frst", did you mean "The first"?',
        'f.yaml:3:52: there is no task "nowhere"'
      ]
    )
  })

  it("are not the task itself", () => {
    assert.deepStrictEqual(
      tasks("{ id: a, method: data/value, needs: a }", "{ id: b, method: data/value, params: { x: 'is ${b.x}' } }"),
      ['f.yaml:2:41: task "a" waits for itself', 'f.yaml:3:51: task "b" waits for itself']
    )
  })

  it("turn in no circle, which is named in order, through references and conditions too", () => {
    assert.deepStrictEqual(
      tasks("{ id: a, method: data/value, needs: [b] }", "{ id: b, method: data/value, needs: [a] }"),
      ["f.yaml:2:42: tasks wait for each other in a circle: a -> b -> a"]
    )
    assert.deepStrictEqual(
      tasks(
        "{ id: start, method: data/value }",
        "{ id: a, method: data/value, needs: [start], params: { x: '${b.x}' } }",
        "{ id: b, method: data/value, if: c.x > 1 }",
        "{ id: c, method: data/value, foreach: '${a.x}' }",
        "{ id: x, method: data/value, needs: y }",
        "{ id: y, method: data/value, needs: x }"
      ).filter((message) => !message.includes("warning")),
      [
        "f.yaml:3:64: tasks wait for each other in a circle: a -> b -> c -> a",
        "f.yaml:6:41: tasks wait for each other in a circle: x -> y -> x"
      ]
    )
  })

  it("of a large ring are followed without recursion", () => {
    const ring = Array.from({ length: 20_000 }, (_, i) => task(`t${i}`, { dependencies: [`t${(i + 1) % 20_000}`] }))
    const [first, ...rest] = ring
    if (first === undefined) throw new Error("no tasks")
    const parsed = { workflow: workflow([first, ...rest]), diagnostics: [], locate: () => ({ line: 1, column: 1 }) }
    assert.deepStrictEqual(
      Check.check(parsed, undefined).map(({ code }) => code),
      ["cycle"]
    )
  })
})

describe("a document with mistakes", () => {
  it("is checked as far as it could be read", () => {
    const found = Check.check(WorkflowFile.parse({ text: fixture("mistakes.yaml"), file: "mistakes.yaml" }), contracts)
    const parsed = WorkflowFile.parse({ text: fixture("mistakes.yaml"), file: "mistakes.yaml" }).diagnostics
    assert.includeDeepMembers([...found], [...parsed])
    assert.deepStrictEqual(found.filter((one) => !parsed.some((other) => format(other) === format(one))).map(format), [
      'mistakes.yaml:10:13: llm/v1 has no method "llm/caht", expected llm/chat, llm/generate, llm/complete, llm/vision, llm/embeddings, llm/embed or llm/models, did you mean "llm/chat"?',
      'mistakes.yaml:12:22: `until`: "done" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks',
      'mistakes.yaml:18:23: there is no task "nowhere"',
      'mistakes.yaml:32:29: ${bb.rows}: "bb" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks, did you mean "b"?',
      'mistakes.yaml:33:20: `temperature`: expected a number, found "hot"',
      'mistakes.yaml:34:7: llm/chat has no param "promt", expected messages, prompt, model, system, images, image_path, file_path, files, directory, file_pattern, temperature, max_tokens or 10 more, did you mean "prompt"?'
    ])
  })

  it("with twelve of them has just those, each with its place, its code and what was probably meant", () => {
    const found = Check.check(WorkflowFile.parse({ text: fixture("twelve-mistakes.yaml"), file: "t.yaml" }), contracts)
    assert.deepStrictEqual(
      found.map(({ code, column, line, severity, suggestion }) => [line, column, severity, code, suggestion]),
      [
        [8, 13, "error", "unknown-method", "llm/chat"],
        [14, 30, "error", "undeclared-input", "topic"],
        [15, 7, "error", "unknown-param", "temperature"],
        [18, 5, "error", "unknown-key", "retry"],
        [21, 16, "error", "invalid-param", undefined],
        [23, 9, "error", "type-mismatch", undefined],
        [25, 5, "error", "missing-param", undefined],
        [28, 9, "error", "unknown-field", "input_tokens"],
        [31, 22, "error", "unknown-field", "content"],
        [32, 13, "error", "type-mismatch", undefined],
        [35, 20, "error", "cycle", undefined],
        [35, 26, "error", "unknown-dependency", undefined]
      ]
    )
    assert.deepStrictEqual(
      found.filter(({ code }) => code === "type-mismatch").map(({ message }) => message),
      ["`if`: `>` cannot take text and a number", "`${ask.content}` is text, `seed` takes a whole number"]
    )
  })

  it("is told in the order of its lines, each mistake once", () => {
    const found = Check.check(WorkflowFile.parse({ text: fixture("mistakes.yaml") }), contracts)
    const order = found.map(({ column, line }) => line * 1000 + column)
    assert.deepStrictEqual(
      order,
      order.toSorted((a, b) => a - b)
    )
    assert.strictEqual(new Set(found.map(format)).size, found.length)
  })

  it("says the same of the same place once", () => {
    assert.strictEqual(tasks('{ method: data/value, params: { x: "tab\\t${zz} ${zz}" } }').length, 1)
  })

  it("that came as a value has paths instead of places", () => {
    const value = { tasks: [{ id: "a", method: "llm/chat", params: { promt: "${b.x}" }, needs: ["c"] }] }
    assert.deepStrictEqual(Check.check(WorkflowFile.fromValue(value), contracts).map(format).toSorted(), [
      '1:1: tasks[0].needs[0]: there is no task "c", did you mean "a"?',
      '1:1: tasks[0].params.promt: ${b.x}: "b" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks, did you mean "a"?',
      '1:1: tasks[0].params.promt: llm/chat has no param "promt", expected messages, prompt, model, system, images, image_path, file_path, files, directory, file_pattern, temperature, max_tokens or 10 more, did you mean "prompt"?',
      '1:1: tasks[0].params: llm/chat: missing "messages" or "prompt" in `params`'
    ])
    const written = {
      workflow: workflow([task("a", { dependencies: ["b"] })]),
      diagnostics: [],
      locate: () => ({ line: 1, column: 1 })
    }
    assert.deepStrictEqual(Check.check(written, contracts).map(format), [
      '1:1: tasks[0].dependencies[0]: there is no task "b", did you mean "a"?'
    ])
  })

  it("that cannot be read at all has the reader's complaints", () => {
    assert.deepStrictEqual(check("tasks:\n\t- x\n"), ["f.yaml:2:1: a tab indents this line, expected spaces"])
    assert.deepStrictEqual(check("").length, 1)
  })
})

describe("the seeds' documents", () => {
  it("have no mistakes", () => {
    for (const file of ["seed-names.yaml", "seed-parameters.yaml", "seed-data-pipeline.json"]) {
      assert.deepStrictEqual(check(fixture(file), contracts, file), [])
    }
  })
})

describe("1,000 tasks", () => {
  it("have no mistakes when each speaks of the one before", () => {
    const lines = ["inputs: { topic: { type: string } }", "tasks:"]
    for (let i = 0; i < 1000; i++) {
      lines.push(
        `  - id: task${i}`,
        "    method: llm/chat",
        "    params:",
        "      temperature: 0.5",
        `      messages: [{ role: user, content: "hello \${${i === 0 ? "inputs.topic" : `task${i - 1}.content`}}" }]`,
        ...(i === 0 ? [] : [`    needs: [task${i - 1}]`])
      )
    }
    const parsed = WorkflowFile.parse({ text: lines.join("\n"), file: "f.yaml" })
    assert.deepStrictEqual(Check.check(parsed, contracts), [])
  })
})

describe("10,000 tasks", () => {
  it("are checked when every reference is a slip", () => {
    const lines = ["tasks:"]
    for (let i = 0; i < 10_000; i++) {
      lines.push(`  - { id: task${i}, method: llm/chat, params: { prompt: "\${tasks${i}.content}" } }`)
    }
    const parsed = WorkflowFile.parse({ text: lines.join("\n"), file: "f.yaml" })
    assert.lengthOf(Check.check(parsed, contracts), 10_000)
  })
})
