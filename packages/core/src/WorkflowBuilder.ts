/**
 * Workflows written in TypeScript: the document of the file reader, with params and references checked by the compiler.
 * It builds words and runs nothing; what the compiler cannot see, `Gleitzeit.check` says.
 */
import { Effect, Random, type Schema } from "effect"
import { InvalidWorkflow } from "./Errors.ts"
import type { Method } from "./Method.ts"
import type { Protocol } from "./Protocol.ts"
import type { Workflow } from "./Workflow.ts"
import * as WorkflowFile from "./WorkflowFile.ts"

declare const value: unique symbol

/** `${...}` to a value of this type. In a template literal it stands for that value in the text. */
export interface Reference<out A> {
  readonly [value]: A
}

/** A reference to something that only a run can tell: any field may be there, and it fits everywhere. */
export interface OpenRef extends Reference<never> {
  readonly [key: string]: OpenRef
}

/** A reference with the fields of what it leads to. */
export type Ref<A> = Schema.Json extends A
  ? OpenRef
  : Reference<A> &
      (A extends ReadonlyArray<infer Item>
        ? { readonly [index: number]: Ref<Item> }
        : A extends object
          ? { readonly [K in keyof A]-?: Ref<Exclude<A[K], undefined>> }
          : unknown)

/** What a `foreach` gives: the results in order. A field is taken from each of them. */
export type EachRef<A> = Reference<ReadonlyArray<A>> & { readonly [index: number]: Ref<A> } & (Schema.Json extends A
    ? unknown
    : A extends object
      ? { readonly [K in keyof A]-?: Ref<ReadonlyArray<Exclude<A[K], undefined>>> }
      : unknown)

/** A value, or a reference to one, at any depth. */
export type Input<A> =
  | A
  | Reference<A>
  | (A extends ReadonlyArray<infer Item>
      ? ReadonlyArray<Input<Item>>
      : A extends object
        ? { readonly [K in keyof A]: Input<A[K]> }
        : never)

/** What a task may say besides its call, in the words of the document. Expressions are CEL. */
export interface TaskOptions {
  readonly if?: string
  /** Tasks, or their ids, besides those that params and expressions speak of. */
  readonly dependencies?: ReadonlyArray<string | Reference<unknown>>
  /** Which of several providers of the protocol. */
  readonly provider?: string
  readonly retry?: {
    readonly max_attempts?: number
    readonly delay?: number | string
    readonly backoff?: "fixed" | "linear" | "exponential"
    readonly max_delay?: number | string
    readonly jitter?: boolean
    readonly on?: ReadonlyArray<number | string>
  }
  /** Seconds, or `30s`, `5m`. */
  readonly timeout?: number | string
  readonly on_error?: "fail" | "continue"
  readonly once?: boolean
  readonly cache?: boolean | { readonly ttl?: number | string; readonly key?: string }
  readonly effects?: "reads" | "writes"
  readonly priority?: "urgent" | "high" | "normal" | "low"
  readonly budget?: Budget
  readonly description?: string
  readonly tags?: ReadonlyArray<string>
}

export interface Budget {
  readonly tokens?: number
  readonly cost_usd?: number
  readonly calls?: number
  readonly duration?: number | string
}

/** What a workflow may say besides its tasks. */
export interface Options {
  readonly description?: string
  readonly version?: string
  readonly tags?: ReadonlyArray<string>
  readonly providers?: ReadonlyArray<string>
  readonly timeout?: number | string
  readonly fail_fast?: boolean
  /** Tasks at once. Default 10. */
  readonly max_concurrency?: number
  readonly budget?: Budget
}

/** An input in the words of the document: JSON Schema with `default`, `required` and `secret` beside it. */
export interface InputSchema {
  readonly type: keyof Types
  readonly default?: Schema.Json
  readonly required?: boolean
  readonly secret?: boolean
  readonly description?: string
  readonly [keyword: string]: Schema.Json | undefined
}

interface Types {
  readonly string: string
  readonly number: number
  readonly integer: number
  readonly boolean: boolean
  readonly array: ReadonlyArray<Schema.Json>
  readonly object: Schema.Json
}

/** One call of a method, made by `Builder.call`. */
export interface Call<out R> {
  readonly protocol: string
  readonly method: string
  readonly params: unknown
  readonly [value]?: R
}

type Methods = Readonly<Record<string, Method>>
type Params<M extends Method> = Input<M["params"]["Encoded"]>
type Value<A> = A extends Reference<infer B> ? B : A
type Outputs = Readonly<Record<string, unknown>>
type Results<O> = { readonly [K in keyof O]: Value<O[K]> }

export interface Builder {
  /** Declares an input of the workflow. */
  readonly input: <const S extends InputSchema>(name: string, schema: S) => Ref<Types[S["type"]]>
  /** An environment variable, which is declared by that. */
  readonly env: (name: string) => Ref<string>
  /** A secret, which is declared by that. Good in params only. */
  readonly secret: (name: string) => Reference<string>
  /** The run itself. */
  readonly run: Ref<{ readonly id: string; readonly name: string; readonly started_at: number }>
  /** A task, and the reference to its result. */
  readonly task: <M extends Methods, const K extends keyof M & string>(
    id: string,
    protocol: Protocol<M>,
    method: K,
    params: Params<M[K]>,
    options?: TaskOptions
  ) => Ref<M[K]["result"]["Encoded"]>
  /** What `each` and `repeat` call. */
  readonly call: <M extends Methods, const K extends keyof M & string>(
    protocol: Protocol<M>,
    method: K,
    params: Params<M[K]>
  ) => Call<M[K]["result"]["Encoded"]>
  /** One call for each item of a list (`foreach`). `concurrency`: items at once; default as many as the run may. */
  readonly each: <A, R>(
    id: string,
    items: Reference<ReadonlyArray<A>> | ReadonlyArray<A>,
    body: (item: Ref<A>, index: Ref<number>) => Call<R>,
    options?: TaskOptions & { readonly concurrency?: number }
  ) => EachRef<R>
  /** The same call again and again until the expression holds, at most `max` times. `previous` is null at first. */
  readonly repeat: <R>(
    id: string,
    body: (previous: OpenRef, iteration: Ref<number>) => Call<R>,
    until: (result: Ref<R>, iteration: Ref<number>) => string,
    options: TaskOptions & { readonly max: number; readonly on_max?: "fail" | "continue" }
  ) => Ref<R>
  /** Tasks of their own under this task's path; what they return is its result. */
  readonly workflow: <O extends Outputs>(
    id: string,
    build: (inner: Inner) => O,
    options?: Pick<TaskOptions, "if" | "dependencies" | "on_error" | "priority" | "budget" | "description" | "tags">
  ) => Ref<Results<O>>
}

/** The builder of a nested workflow, which sees only its own tasks and what it is given. */
export interface Inner extends Builder {
  /** Hands in a value from around it, under a name. */
  readonly give: <A>(name: string, value: Reference<A> | A) => Ref<A>
}

/**
 * The workflow that `build` describes; what it returns are the outputs. Text is text: only references that stand in it
 * are bound, a `${` that comes with a value stays one. Fails with all that is wrong with the document at once.
 */
export const make = (
  name: string,
  build: (builder: Builder) => Outputs | void,
  options: Options = {}
): Effect.Effect<Workflow, InvalidWorkflow> =>
  Effect.gen(function* () {
    // what no text holds by chance, or by design
    const sign = `\uE000${yield* Random.nextInt}.${yield* Random.nextInt}`
    const level = new Level(sign)
    const outputs = build(level.builder)
    const parsed = WorkflowFile.fromValue({ name, ...options, ...level.document(outputs) })
    if (parsed.workflow === undefined) return yield* new InvalidWorkflow({ diagnostics: parsed.diagnostics })
    return parsed.workflow
  })

/** The first of the two that has a value: `??`. */
export const or = <A, B>(first: Reference<A>, other: Reference<B> | B): Ref<A | B> => {
  const { sign, text } = sources.get(first)!
  const second = sources.get(other as object)?.text ?? JSON.stringify(other)
  return reference(sign, `${text} ?? ${second}`)
}

/** What went wrong in a task with `on_error: continue`; null when nothing did. */
export const error = (
  task: Reference<unknown>
): Ref<{ readonly code: number; readonly name: string; readonly message: string } | null> => {
  const { sign, text } = sources.get(task)!
  return reference(sign, `${text}.error`)
}

// internal

/** What a reference stands for, as it is written between `${` and `}`. */
interface Source {
  readonly sign: string
  readonly text: string
  /** Of a task's result: its id. */
  readonly task?: string
}

const sources = new WeakMap<object, Source>()

/** Every field of it is a reference again; as text it is a mark that `Level.settle` finds. */
const reference = <R>(sign: string, text: string, task?: string): R => {
  const mark = () => `${sign}(${text})${sign}`
  const proxy = new Proxy(
    {},
    {
      get: (_, key) => {
        if (key === Symbol.toPrimitive || key === "toString" || key === "toJSON") return mark
        return typeof key === "symbol" ? undefined : reference(sign, text + step(key), task)
      }
    }
  )
  sources.set(proxy, { sign, text, ...(task === undefined ? {} : { task }) })
  // Safe: a reference has every field that its type may name.
  return proxy as R
}

const isName = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text)

const step = (key: string): string =>
  isName(key) ? `.${key}` : /^\d+$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`

/** One workflow while it is described: the outermost, or one nested in it. */
class Level {
  readonly #sign: string
  readonly #tasks: Array<Record<string, unknown>> = []
  readonly #inputs: Record<string, unknown> = {}
  readonly #given: Record<string, unknown> = {}
  readonly #env = new Set<string>()
  readonly #secrets = new Set<string>()
  readonly builder: Inner

  constructor(sign: string) {
    this.#sign = sign
    const add = <R>(id: string, words: Record<string, unknown>, options: object = {}): R => {
      this.#tasks.push({ id, ...words, ...this.#policies(options) })
      return this.#ref(isName(id) ? id : `tasks[${JSON.stringify(id)}]`, id)
    }
    const called = ({ method, params, protocol }: Call<unknown>) => ({
      protocol,
      method,
      params: this.#settle(params)
    })
    this.builder = {
      input: (name, schema) => {
        this.#inputs[name] = schema
        return this.#ref(`inputs${step(name)}`)
      },
      give: (name, value) => {
        this.#inputs[name] = {}
        this.#given[name] = value
        return this.#ref(`inputs${step(name)}`)
      },
      env: (name) => {
        this.#env.add(name)
        return this.#ref(`env${step(name)}`)
      },
      secret: (name) => {
        this.#secrets.add(name)
        return this.#ref(`secrets${step(name)}`)
      },
      run: this.#ref("run"),
      call: (protocol, method, params) => ({ protocol: protocol.id, method, params }),
      task: (id, protocol, method, params, options) =>
        add(id, called({ protocol: protocol.id, method, params }), options),
      each: (id, items, body, options) =>
        add(id, { foreach: this.#settle(items), ...called(body(this.#ref("item"), this.#ref("index"))) }, options),
      repeat: (id, body, until, { max, on_max, ...options }) => {
        const repeat = {
          until: this.#settle(until(this.#ref("result"), this.#ref("iteration"))),
          max,
          ...(on_max === undefined ? {} : { on_max })
        }
        return add(id, { repeat, ...called(body(this.#ref("previous"), this.#ref("iteration"))) }, options)
      },
      workflow: (id, build, options) => {
        const inner = new Level(this.#sign)
        const outputs = build(inner.builder)
        return add(id, { workflow: inner.document(outputs), inputs: this.#settle(inner.#given) }, options)
      }
    }
  }

  document(outputs: Outputs | void): Record<string, unknown> {
    return {
      ...(Object.keys(this.#inputs).length === 0 ? {} : { inputs: this.#inputs }),
      ...(this.#env.size === 0 ? {} : { env: [...this.#env] }),
      ...(this.#secrets.size === 0 ? {} : { secrets: [...this.#secrets] }),
      tasks: this.#tasks,
      ...(outputs === undefined ? {} : { outputs: this.#settle(outputs) })
    }
  }

  #ref<R>(text: string, task?: string): R {
    return reference(this.#sign, text, task)
  }

  #policies({ dependencies, ...options }: TaskOptions): Record<string, unknown> {
    const ids = dependencies?.map((one) => (typeof one === "string" ? one : sources.get(one)?.task))
    const settled = Object.entries(options).map(([key, option]) => [key, this.#settle(option)])
    return { ...Object.fromEntries(settled), ...(ids === undefined ? {} : { dependencies: ids }) }
  }

  /** References become `${...}`; any other `${` is text. */
  #settle(value: unknown): unknown {
    if (typeof value === "string") {
      const parts = value.split(this.#sign)
      return parts
        .map((part, i) => {
          if (i % 2 === 1) return `\${${part.slice(1, -1)}}`
          const text = part.replaceAll("${", () => "$${")
          // signs right before a reference would make it text
          const signs = i < parts.length - 1 ? text.length - text.replace(/(?<!\$)\$+$/, "").length : 0
          return signs === 0 ? text : `${text.slice(0, -signs)}\${"${"$".repeat(signs)}"}`
        })
        .join("")
    }
    if (typeof value !== "object" || value === null) return value
    const source = sources.get(value)
    if (source !== undefined) return `\${${source.text}}`
    if (Array.isArray(value)) return value.map((item) => this.#settle(item))
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, this.#settle(item)]]))
    )
  }
}
