/**
 * Workflows in the inner form, made up for property tests: up to 8 tasks that call a `ScriptedProvider`, always without
 * a cycle, always accepted by `Check`. What is drawn is a recipe of small numbers and words, so that a workflow shrinks
 * to fewer tasks that do less.
 */
import type { Workflow } from "@gleitzeit/core"
import { Arbitrary, Schema } from "effect"

export interface Options {
  /** Some tasks say themselves whether they read or write. Default false. */
  readonly effects?: boolean
  /** Some tasks are repeated until an expression holds. Default false. */
  readonly repeat?: boolean
  /** Some tasks are workflows themselves. Default false. */
  readonly nested?: boolean
}

/** Its results do not depend on what runs first: they are the same on every engine, however much runs at once. */
export const workflow = ({
  effects = false,
  nested = false,
  repeat = false
}: Options = {}): Arbitrary.Arbitrary<Workflow.Workflow> =>
  Arbitrary.map(Arbitrary.schema(Recipe), (recipe) => build("any", recipe, { effects, nested, repeat }, []))

// internal

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** How a task speaks of an earlier one. */
const How = Schema.Literals([
  "after",
  "whole",
  "field",
  "field",
  "list",
  "text",
  "error",
  "failures",
  "missing",
  "or a literal",
  "or another",
  "or nothing"
])

const Condition = Schema.Literals([
  "none",
  "none",
  "none",
  "true",
  "false",
  "status",
  "value",
  "error",
  "field",
  "broken",
  "item",
  "index"
])

const Items = Schema.Literals([
  "none",
  "none",
  "none",
  "empty",
  "one",
  "three",
  "references",
  "list of another",
  "expression",
  "no list"
])

const common = {
  /** Numbers of earlier tasks, modulo how many there are. */
  uses: Schema.Array(Schema.Struct({ of: upTo(7), how: How })).check(Schema.isMaxLength(3)),
  condition: Condition,
  items: Items,
  /** Attempts that fail. With `index`, an item fails as often as its number says. */
  fails: Schema.Literals([0, 0, 0, 1, 2, 9, "index"]),
  retryable: Schema.Literals([true, true, false]),
  retry: Schema.Literals(["standard", "standard", "once", "twice", "thrice", "of others", "of its own"]),
  writes: Schema.Literals([false, false, false, true]),
  effects: Schema.Literals(["unsaid", "unsaid", "reads", "writes"]),
  goesOn: Schema.Boolean,
  once: Schema.Literals([false, false, false, true]),
  priority: Schema.Literals(["unsaid", 0, 1, 2, 3]),
  concurrency: upTo(3),
  repeat: Schema.Literals(["no", "no", "second", "third", "result", "never", "broken"]),
  onMax: Schema.Boolean
}

interface TaskRecipe extends Schema.Struct.Type<typeof common> {
  readonly inner: ReadonlyArray<Schema.Struct.Type<typeof common>>
}

const Recipe = Schema.Struct({
  tasks: Schema.Array(
    Schema.Struct({ ...common, inner: Schema.Array(Schema.Struct(common)).check(Schema.isMaxLength(3)) })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(8)),
  concurrency: upTo(3),
  /** The document names the last task first. */
  backwards: Schema.Boolean
})
type Recipe = typeof Recipe.Type

/** Ids that are written in different ways in references and expressions. */
const ids = ["a", "b", "load data", "d-e", "v1.2", "__proto__", "constructor", "b2"]

const build = (
  name: string,
  { backwards, concurrency, tasks }: Recipe,
  options: Required<Options>,
  inputs: ReadonlyArray<string>
): Workflow.Workflow => {
  const holders = tasks.flatMap(({ inner }, number) => (options.nested && inner.length > 0 ? [ids[number] ?? ""] : []))
  const made = tasks.map((recipe, number) => task(recipe, number, options, inputs, holders))
  const [first, ...rest] = backwards ? made.toReversed() : made
  if (first === undefined) throw new Error("a recipe has at least one task")
  const known = made.map(({ id }) => id)
  return {
    name,
    // a nested workflow has inputs, and runs under the limits of the outer one
    ...(inputs.length === 0
      ? { max_concurrency: 1 + concurrency }
      : { inputs: Object.fromEntries(inputs.map((input) => [input, anyInput])) }),
    tasks: [first, ...rest],
    outputs: {
      ...Object.fromEntries(known.map((id) => [`${id}, if any`, reference(id)])),
      ...Object.fromEntries(
        known.map((id) => [`${id}, or else`, `\${${named(id)}.n ?? ${named(id)}.error.name ?? 'none'}`])
      ),
      n: name.length,
      text: name,
      list: [name, []],
      all: {
        text: `<${known.map((id) => `\${${named(id)}.n ?? null}`).join("|")}>`,
        literal: "$${a}",
        list: [1, null, []]
      }
    }
  }
}

const anyInput: Workflow.Input = { schema: {}, required: true }

const task = (
  recipe: TaskRecipe,
  number: number,
  { effects, nested, repeat }: Required<Options>,
  inputs: ReadonlyArray<string>,
  holders: ReadonlyArray<string>
): Workflow.Task => {
  const id = ids[number] ?? `t${number}`
  const earlier = ids.slice(0, number)
  const uses = recipe.uses.flatMap(({ how, of }) => {
    const other = earlier[of % Math.max(1, number)]
    return other === undefined ? [] : [{ how, id: other }]
  })
  const last = uses.at(-1)?.id
  // what is known of the result of a nested workflow is no list
  const each = recipe.items === "no list" && holders.includes(last ?? "") ? undefined : foreach(recipe.items, last)
  const repeats = repeat && recipe.repeat !== "no"
  const from = uses.flatMap(({ how, id }, n) =>
    // what is known of the result of a nested workflow has no such field
    how === "failures" && holders.includes(id) ? [] : spoken(how, id, uses[n - 1]?.id ?? id)
  )
  const value = {
    n: repeats ? "${iteration}" : each === undefined ? number : "${index}",
    list: [number, "$${not a reference}"],
    text: `$\${${id}} stays`,
    from,
    ...(each === undefined ? {} : { item: "${item}", at: "<${index}>" }),
    ...(repeats ? { previous: "${previous}" } : {}),
    ...(inputs.length === 0 ? {} : { inputs: inputs.map((input) => `\${inputs.${input}.n ?? inputs.${input}}`) })
  }
  const if_ = expression(recipe.condition, last, each !== undefined)
  const declared = uses.flatMap(({ how, id }) => (how === "after" ? [id] : []))
  const policies = {
    ...(declared.length === 0 ? {} : { dependencies: declared }),
    ...(if_ === undefined ? {} : { if: if_ }),
    ...(each === undefined ? {} : { foreach: each, concurrency: 1 + recipe.concurrency }),
    ...(repeats ? { repeat: repetition(recipe) } : {}),
    ...(recipe.goesOn ? { on_error: "continue" as const } : {}),
    ...(recipe.priority === "unsaid" ? {} : { priority: recipe.priority })
  }
  if (nested && recipe.inner.length > 0) {
    const tasks = recipe.inner.map((inner) => ({ ...inner, inner: [] }))
    const inner = { tasks, concurrency: recipe.concurrency, backwards: recipe.writes }
    return {
      id,
      protocol: "workflow/v1",
      method: "workflow",
      params: { value, n: number },
      ...policies,
      workflow: build(`inside ${id}`, inner, { effects, nested: false, repeat }, ["value", "n"])
    }
  }
  const fails = recipe.fails === "index" ? (each === undefined ? 0 : "${index}") : recipe.fails
  return {
    id,
    protocol: "script/v1",
    method: recipe.writes ? "script/write" : "script/do",
    params: { value, fails, retryable: recipe.retryable },
    ...policies,
    ...(recipe.retry === "standard" ? {} : { retry: retries(recipe.retry) }),
    ...(!effects || recipe.effects === "unsaid" ? {} : { effects: recipe.effects }),
    ...(recipe.once ? { once: true } : {})
  }
}

/** An id as it is written in front of a path. */
const named = (id: string): string => (/[.[\]]/.test(id) ? `tasks[${JSON.stringify(id)}]` : id)

const reference = (id: string): string => `\${${named(id)}}`

const spoken = (how: typeof How.Type, id: string, other: string): ReadonlyArray<Schema.Json> => {
  const at = named(id)
  switch (how) {
    case "after":
      return []
    case "whole":
      return [reference(id)]
    case "field":
      return [`\${${at}.n}`]
    case "list":
      return [{ deeper: [`\${${at}.list}`] }]
    case "text":
      // of small things: text in text in text grows with every quote that is escaped
      return [`\${${at}.n} and \${${at}.list[0]}`]
    case "error":
      return [`\${${at}.error.name ?? 'none'}`]
    case "failures":
      return [`\${${at}.failures[0].error.name ?? 'none'}`, `\${${at}.failures[1].index ?? 'none'}`]
    case "missing":
      return [`\${${at}.list[9]}`]
    case "or a literal":
      return [`\${${at}.n ?? "a literal"}`]
    case "or another":
      return [`\${${at}.list[9] ?? ${named(other)}.n ?? null}`]
    case "or nothing":
      return [`\${${at}.list[9] ?? ${at}.list[8] ?? {"json": [true]}}`]
  }
}

const expression = (condition: TaskRecipe["condition"], id: string | undefined, each: boolean): string | undefined => {
  const at = `tasks[${JSON.stringify(id ?? "")}]`
  switch (condition) {
    case "none":
      return undefined
    case "true":
    case "false":
      return `1 ${condition === "true" ? "<" : ">"} 2`
    case "broken":
      return "[1][7] == 1"
    case "item":
      return each ? "item != 1" : undefined
    case "index":
      return each ? "index % 2 == 0" : undefined
    case "status":
      return id === undefined ? undefined : `${at}.status == "completed"`
    case "value":
      return id === undefined ? undefined : /^[a-z]\w*$/.test(id) ? `has(${id}.n)` : `${at}.?n.hasValue()`
    case "error":
      return id === undefined ? undefined : `${at}.error == null`
    case "field":
      return id === undefined ? undefined : `\${${named(id)}.n ?? 0} != 1`
  }
}

const foreach = (items: TaskRecipe["items"], id: string | undefined): Workflow.Task["foreach"] => {
  switch (items) {
    case "none":
      return undefined
    case "empty":
      return []
    case "one":
      return [{ only: "this" }]
    case "three":
      return [1, "two", null]
    case "references":
      return id === undefined ? ["a"] : ["first", { in: [`\${${named(id)}.n ?? 'none'}`] }, `${reference(id)}`]
    case "list of another":
      return id === undefined ? undefined : `\${${named(id)}.list}`
    case "expression":
      return "[1, 2, 3].filter(n, n != 2)"
    case "no list":
      return id === undefined ? undefined : `\${${named(id)}.text}`
  }
}

const repetition = ({ onMax, repeat }: TaskRecipe): Workflow.Repeat => ({
  until: {
    no: "true",
    second: "iteration == 2",
    third: "iteration >= 3",
    result: "result.n > 1",
    never: "false",
    broken: "result.list[9]"
  }[repeat],
  max: 3,
  ...(onMax ? { on_max: "continue" as const } : {})
})

const retries = (retry: Exclude<TaskRecipe["retry"], "standard">): Workflow.Retry => ({
  max_attempts: { once: 1, twice: 2, thrice: 3, "of others": 3, "of its own": 3 }[retry],
  delay: 10,
  backoff: "fixed",
  max_delay: 1000,
  jitter: false,
  ...(retry === "of others" ? { on: ["TASK_TIMEOUT", -30007] } : {}),
  ...(retry === "of its own" ? { on: ["TASK_EXECUTION_FAILED"] } : {})
})
