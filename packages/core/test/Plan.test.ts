import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Method from "../src/Method.ts"
import * as Plan from "../src/Plan.ts"
import * as Protocol from "../src/Protocol.ts"
import type { Scope } from "../src/Reference.ts"
import type { Task } from "../src/Workflow.ts"
import { Choices, Numbers } from "./Choices.ts"
import { plan, task } from "./Documents.ts"

const contracts = Protocol.contracts(
  Protocol.make("code/v1", {
    description: "For tests",
    methods: {
      "code/run": Method.make({
        description: "Runs",
        effects: "reads",
        params: Schema.Struct({
          code: Protocol.code("python"),
          steps: Schema.optionalKey(Schema.Array(Protocol.code("python"))),
          path: Schema.optionalKey(Protocol.file),
          others: Schema.optionalKey(Schema.Array(Protocol.file)),
          model: Schema.optionalKey(Protocol.model),
          args: Schema.optionalKey(Schema.Json)
        }),
        result: Schema.Json
      })
    }
  })
)
const code = (id: string, params: Task["params"], more: Partial<Task> = {}) =>
  task(id, { method: "code/run", protocol: "code/v1", params, ...more })

/** What each task has of a kind, by id. */
const by = (all: Plan.Plan, kind: "dependencies" | "needs") =>
  Object.fromEntries(
    all.tasks.map((one) => [one.task.id, one[kind].map((number) => all.tasks[number]!.task.id).toSorted()])
  )
const dependencies = (...tasks: Parameters<typeof plan>[0]) => by(plan(tasks), "dependencies")

const scope = (values: Record<string, Schema.Json>): Scope => ({
  task: (id) => (Object.hasOwn(values, id) ? { status: "completed", result: values[id], error: null } : undefined),
  root: () => undefined
})

describe("a task depends on", () => {
  it("what it names, and what its params, condition and list refer to, each once", () => {
    const all = dependencies(
      task("a"),
      task("b"),
      task("c"),
      task("d"),
      task("e", {
        dependencies: ["a", "a", "nobody"],
        params: { text: "${b.x} and ${b.y} ${item}", deep: [{ x: "${a}" }] },
        if: "c.n > 1 && item != 2",
        foreach: "${d.list}"
      })
    )
    assert.deepStrictEqual(all["e"], ["a", "b", "c", "d"])
    assert.deepStrictEqual(all["a"], [])
  })

  it("what its list refers to when that is a list itself, and its code", () => {
    const all = by(
      plan(
        [
          task("a"),
          task("b"),
          task("c"),
          code("d", { code: "x = ${a}", steps: ["y = ${c}"] }, { foreach: [1, "${b}"] })
        ],
        {},
        contracts
      ),
      "dependencies"
    )
    assert.deepStrictEqual(all["d"], ["a", "b", "c"])
  })

  it("nothing that it only seems to refer to", () => {
    const all = dependencies(task("a"), task("b", { params: { text: "$${a} a ${inputs.a} ${item.a}" } }))
    assert.deepStrictEqual(all["b"], [])
  })

  it("a task that stands after it just as well", () => {
    assert.deepStrictEqual(dependencies(task("a", { params: { x: "${b}" } }), task("b"))["a"], ["b"])
  })
})

describe("a task needs a value of", () => {
  it("those it refers to without a way out", () => {
    const all = by(
      plan([
        task("a"),
        task("b"),
        task("c"),
        task("d"),
        task("e", {
          dependencies: ["a"],
          params: { hard: "${b}", soft: "${c ?? 'x'}", error: "${d.error}" },
          if: 'tasks["c"].status == "completed"'
        })
      ]),
      "needs"
    )
    assert.deepStrictEqual(all["e"], ["b"])
  })

  it("those its condition and list refer to", () => {
    const all = by(plan([task("a"), task("b"), task("c", { if: "a.n > 1", foreach: "b.list" })]), "needs")
    assert.deepStrictEqual(all["c"], ["a", "b"])
  })
})

describe("a plan", () => {
  it("knows who waits for a task, and tasks by id", () => {
    const all = plan([task("a"), task("b", { dependencies: ["a"] }), task("c", { params: { x: "${a}${b}" } })])
    assert.deepStrictEqual(all.dependents, [[1, 2], [2], []])
    assert.strictEqual(all.index.get("c"), 2)
    assert.strictEqual(plan([task("a/b[0]")]).tasks[0]?.path, "a%2Fb%5B0%5D")
  })

  it("counts who reads a result; the outputs read to the end", () => {
    const tasks = [
      task("a"),
      task("b", { params: { x: "${a}" } }),
      task("c", { dependencies: ["a"] }),
      task("d")
    ] as const
    assert.deepStrictEqual(plan(tasks).readers, [1, 0, 0, 0])
    assert.deepStrictEqual(plan(tasks, { outputs: { o: "${b.x ?? a}", plain: 1 } }).readers, [Infinity, Infinity, 0, 0])
  })

  it("has the outputs in their order", () => {
    const { outputs } = plan([task("a")], { outputs: { z: "${a}", b: 1 } })
    assert.deepStrictEqual(
      outputs.map(([name, { resolve }]) => [name, Result.getOrThrow(resolve(scope({ a: 5 })))]),
      [
        ["z", 5],
        ["b", 1]
      ]
    )
  })

  it("tells conditions of a task from those of its items", () => {
    const perItem = (condition: string) =>
      plan([task("a"), task("b", { if: condition, foreach: [1] })]).tasks[1]?.conditionPerItem
    assert.isFalse(perItem("a.n > 1"))
    assert.isTrue(perItem("item > 1"))
    assert.isTrue(perItem("a.n > index"))
    assert.isUndefined(plan([task("a")]).tasks[0]?.condition)
  })

  it("tells lists that are computed from lists that are written", () => {
    const each = (foreach: NonNullable<Task["foreach"]>) => plan([task("a"), task("b", { foreach })]).tasks[1]?.each
    assert.isTrue(Plan.isCondition(each("a.list")))
    assert.isTrue(Plan.isCondition(each("${a.list}")))
    assert.isFalse(Plan.isCondition(each([1, "${a}"])))
    assert.isFalse(Plan.isCondition(plan([task("a")]).tasks[0]?.each))
  })

  it("takes a method that no contract tells of for one that writes", () => {
    const all = plan([task("a"), code("b", { code: "" })], {}, contracts)
    assert.deepStrictEqual(
      all.tasks.map(({ effects }) => effects),
      ["writes", "reads"]
    )
  })
})

describe("priorities", () => {
  const priorities = (...args: Parameters<typeof plan>) => plan(...args).tasks.map(({ priority }) => priority)

  it("are the task's, else the workflow's, else normal", () => {
    assert.deepStrictEqual(priorities([task("a"), task("b", { priority: 0 })]), [2, 0])
    assert.deepStrictEqual(priorities([task("a"), task("b", { priority: 3 })], { priority: 1 }), [1, 3])
    assert.isFalse(plan([task("a"), task("b")], { priority: 0 }).priorities)
    assert.isTrue(plan([task("a"), task("b", { priority: 0 })]).priorities)
  })

  it("flow to what an urgent task waits for, however far and in whatever order they stand", () => {
    const tasks = [
      task("urgent", { priority: 0, dependencies: ["middle"] }),
      task("base", { priority: 3 }),
      task("middle", { params: { x: "${base}" } }),
      task("aside", { priority: 3 }),
      task("after", { priority: 3, dependencies: ["urgent"] })
    ] as const
    assert.deepStrictEqual(priorities(tasks), [0, 0, 0, 3, 3])
  })

  it.prop("make no task less urgent than one that waits for it", { numbers: Numbers }, ({ numbers }) => {
    const choices = new Choices(numbers)
    const size = 1 + choices.below(10)
    const [first, ...others] = Array.from({ length: size }, (_, number) =>
      task(`t${number}`, {
        priority: choices.below(4),
        // circles are for the check to find; here they must not hang
        dependencies: Array.from({ length: choices.below(3) }, () => `t${choices.below(size)}`)
      })
    )
    const all = plan([first!, ...others])
    for (const { dependencies, priority, task } of all.tasks) {
      assert.isAtMost(priority, task.priority ?? 2)
      for (const dependency of dependencies) assert.isAtMost(all.tasks[dependency]!.priority, priority)
    }
    for (const { priority } of all.tasks) assert.isTrue(all.tasks.some(({ task }) => task.priority === priority))
  })
})

describe("params", () => {
  const params = (one: Task, values: Record<string, Schema.Json>) => {
    const all = plan(
      [task("a"), task("b"), one],
      { inputs: { key: { schema: {}, required: true, secret: true } } },
      contracts
    )
    return { ...all.tasks[2]!, resolved: Result.getOrThrow(all.tasks[2]!.params.resolve(scope(values))) }
  }

  it("that are code are bound, all others filled in", () => {
    const { resolved } = params(code("c", { code: "x = ${a} + ${b.n}", args: { x: "${a}" } }), {
      a: "'; boom",
      b: { n: 2 }
    })
    assert.deepStrictEqual(resolved, {
      args: { x: "'; boom" },
      code: {
        source: "x = ${a} + ${b.n}",
        segments: ["x = ", { ref: "r0", raw: "${a}" }, " + ", { ref: "r1", raw: "${b.n}" }],
        values: { r0: "'; boom", r1: 2 }
      }
    })
  })

  it("that are lists of code are bound one by one", () => {
    const { resolved } = params(code("c", { code: "", steps: ["y = ${a}", 5, "plain"] }), { a: "'; boom" })
    assert.deepStrictEqual(Reflect.get(Object(resolved), "steps"), [
      { source: "y = ${a}", segments: ["y = ", { ref: "r0", raw: "${a}" }], values: { r0: "'; boom" } },
      5,
      { source: "plain", segments: ["plain"], values: {} }
    ])
  })

  it("that are code know their line in their file", () => {
    const origin = { file: "w.yaml", lines: { code: 7 } }
    const { resolved } = params(code("c", { code: "x" }, { origin }), {})
    assert.deepStrictEqual(Reflect.get(Object(Reflect.get(Object(resolved), "code")), "origin"), {
      file: "w.yaml",
      line: 7
    })
    const without = params(code("c", { code: "x" }, { origin: { file: "w.yaml", lines: {} } }), {}).resolved
    assert.isFalse(Object.hasOwn(Object(Reflect.get(Object(without), "code")), "origin"))
  })

  it("of a method that no contract tells of are filled in", () => {
    const { resolved } = params(task("c", { method: "other/do", params: { code: "x = ${a}" } }), { a: 1 })
    assert.deepStrictEqual(resolved, { code: "x = 1" })
  })

  it("fail when a reference has no value, in code as elsewhere", () => {
    for (const given of [{ code: "${a}" }, { code: "", steps: ["${a}"] }, { code: "", args: ["${a}"] }]) {
      const all = plan([task("a"), code("c", given)], {}, contracts)
      assert.isTrue(Result.isFailure(all.tasks[1]!.params.resolve(scope({}))))
    }
  })

  it("hold markers where secrets belong, and say where", () => {
    const { params: template, resolved } = params(
      code("c", {
        code: "k = ${secrets.K}",
        steps: ["", "k = ${secrets.K}"],
        args: ["${secrets.K}", "Bearer ${inputs.key}"]
      }),
      {}
    )
    assert.deepStrictEqual(template.secrets.map((place) => place.join(".")).toSorted(), [
      "args.0",
      "args.1",
      "code.values.r0",
      "steps.1.values.r0"
    ])
    for (const place of template.secrets) {
      const marker = place.reduce<unknown>((json, step) => Reflect.get(Object(json), step), resolved)
      assert.isTrue(Object.hasOwn(Object(marker), "$secret"))
    }
  })

  it("say where their references stand", () => {
    const { params: template } = params(code("c", { code: "${a}", steps: ["", "${b}"], args: ["${a}"] }), {
      a: 1,
      b: 2
    })
    assert.deepStrictEqual(template.references.map(({ at }) => at.join(".")).toSorted(), ["args.0", "code", "steps.1"])
  })

  it("that are files are listed, when the task gives them", () => {
    assert.deepStrictEqual(params(code("c", { code: "", path: "a.txt", others: ["b"] }), {}).files, [
      { name: "path", urls: false },
      { name: "others", urls: false }
    ])
    assert.deepStrictEqual(params(code("c", { code: "", args: "path" }), {}).files, [])
  })
})

describe("a cycle", () => {
  const cycle = (graph: Record<string, ReadonlyArray<string>>) => Plan.cycle(new Map(Object.entries(graph)))

  it("is named in order, the first again at the end", () => {
    assert.deepStrictEqual(cycle({ a: ["b"], b: ["c"], c: ["a"] }), ["a", "b", "c", "a"])
    assert.deepStrictEqual(cycle({ x: ["a"], a: ["b"], b: ["a", "c"], c: [] }), ["a", "b", "a"])
    assert.deepStrictEqual(cycle({ a: ["a"] }), ["a", "a"])
  })

  it("is none where there is none, also with names that are not known", () => {
    assert.isUndefined(cycle({}))
    assert.isUndefined(cycle({ a: ["b", "c"], b: ["c"], c: ["unknown"] }))
  })

  it("is found in a chain longer than the call stack", () => {
    const chain = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`t${i}`, [`t${i + 1}`]]))
    assert.isUndefined(cycle(chain))
    assert.lengthOf(cycle({ ...chain, t50000: ["t0"] }) ?? [], 50_002)
  })

  it.prop("is one, and is found where there is one", { numbers: Numbers }, ({ numbers }) => {
    const choices = new Choices(numbers)
    const size = 1 + choices.below(9)
    const graph = new Map(
      Array.from({ length: size }, (_, number) => [
        `t${number}`,
        Array.from({ length: choices.below(3) }, () => `t${choices.below(size)}`)
      ])
    )
    const found = Plan.cycle(graph)
    // taking away whatever waits for nothing leaves nothing exactly when there is no cycle
    const left = new Map(graph)
    for (let before = -1; before !== left.size;) {
      before = left.size
      for (const [id, waits] of left) if (waits.every((one) => !left.has(one))) left.delete(id)
    }
    assert.strictEqual(found === undefined, left.size === 0)
    if (found === undefined) return
    assert.strictEqual(found[0], found.at(-1))
    assert.strictEqual(new Set(found).size, found.length - 1)
    for (const [i, id] of found.slice(0, -1).entries()) assert.include(graph.get(id) ?? [], found[i + 1])
  })
})
