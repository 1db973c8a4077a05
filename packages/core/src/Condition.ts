/**
 * CEL: conditions and `foreach` expressions, compiled once. Names of tasks and roots, and `${...}`, become variables
 * of the expression, never text of it.
 */
import { Result, type Schema } from "effect"
import { environment, isCelError } from "./Cel.ts"
import { ConditionFailed } from "./Errors.ts"
import {
  type Chain,
  chainOf,
  childrenOf,
  type Id,
  isAccess,
  kindOf,
  mask,
  type Node,
  NoJson,
  toJson,
  variableOf
} from "./Expression.ts"
import * as Reference from "./Reference.ts"
import { alternative } from "./ReferenceSyntax.ts"
import { type Root, roots } from "./Task.ts"

export interface Problem {
  /** In the expression, in UTF-16 units. */
  readonly offset: number
  readonly message: string
  readonly suggestion?: string
}

export interface Condition {
  /** In the order of the walk through it; with `optional` it is well without a value. */
  readonly references: ReadonlyArray<Spoken>
  /** Ids of the tasks it speaks of. */
  readonly tasks: ReadonlyArray<string>
  /**
   * Those it needs a value of. `tasks["t"].status`, `t.error`, `has(t.x)`, `t.?x` and a reference with `??` are there
   * in any case.
   */
  readonly needs: ReadonlyArray<string>
  /** Roots it names, each once. */
  readonly roots: ReadonlyArray<Root>
  /** Why it cannot be evaluated; empty when it can. */
  readonly problems: ReadonlyArray<Problem>
  /** Any JSON. Integers come out as numbers; what JSON has no form for is a failure. */
  readonly evaluate: (scope: Reference.Scope) => Result.Result<Schema.Json, ConditionFailed>
  /** Fails unless the value is `true` or `false`. */
  readonly test: (scope: Reference.Scope) => Result.Result<boolean, ConditionFailed>
}

/** In UTF-16 units. */
export const maxLength = 4096

/** `secretInputs`: names of inputs that no expression may speak of. */
export const compile = (
  expression: string,
  names: Reference.Names,
  secretInputs: ReadonlySet<string> = new Set()
): Condition => {
  const { references, run, ...program } = bind(expression, names, secretInputs)
  const problems =
    program.problems.length < 2 ? program.problems : program.problems.toSorted((a, b) => a.offset - b.offset)
  const [problem] = problems
  const fail = (issue: string) => {
    const shown = expression.length > 200 ? `${expression.slice(0, 199)}…` : expression
    return Result.fail(new ConditionFailed({ expression: shown, issue }))
  }
  const value = (scope: Reference.Scope): Result.Result<unknown, ConditionFailed> => {
    if (problem !== undefined) return fail(withSuggestion(problem))
    try {
      return Result.succeed(run(scope))
    } catch (error) {
      return fail(issueOf(error))
    }
  }
  return {
    problems,
    references,
    get tasks() {
      return unique(references.flatMap(({ reference }) => Reference.tasks(reference)))
    },
    get needs() {
      return unique(references.flatMap(({ optional, reference }) => (optional ? [] : Reference.needs(reference))))
    },
    get roots() {
      const spoken = references.flatMap(({ reference }) => reference.alternatives)
      return unique(spoken.flatMap((one) => (one.kind === "root" ? [one.root] : [])))
    },
    evaluate: (scope) => {
      const result = value(scope)
      if (Result.isFailure(result)) return Result.fail(result.failure)
      try {
        return Result.succeed(toJson(result.success))
      } catch (error) {
        return fail(issueOf(error))
      }
    },
    test: (scope) => {
      const result = value(scope)
      if (Result.isFailure(result)) return Result.fail(result.failure)
      return typeof result.success === "boolean"
        ? Result.succeed(result.success)
        : fail(`it gives ${kindOf(result.success)}, a condition gives true or false`)
    }
  }
}

// internal

/** A reference the expression speaks of; `optional`: it is well without a value. */
export interface Spoken {
  readonly reference: Reference.Reference
  readonly optional: boolean
  /** The last step of its path may find nothing. */
  readonly asks?: boolean
}

interface Program {
  readonly problems: ReadonlyArray<Problem>
  readonly references: ReadonlyArray<Spoken>
  /** May throw. */
  readonly run: (scope: Reference.Scope) => unknown
}

const bind = (expression: string, names: Reference.Names, secretInputs: ReadonlySet<string>): Program => {
  const problems: Array<Problem> = []
  const references: Array<Spoken> = []
  const done = (run: Program["run"] = () => undefined): Program => ({ problems, references, run })
  if (expression.length > maxLength) {
    const message = `an expression has at most ${maxLength} characters, this one ${expression.length}: let a task compute it`
    problems.push({ offset: 0, message })
    return done()
  }
  const masked = mask(expression, names)
  problems.push(...masked.problems)
  const declared: Array<readonly [name: string, spoken: Spoken, keys: ReadonlyArray<string | bigint>]> = []
  const unbound = new Map(masked.references.map((reference) => [reference.offset, reference]))

  const unknown = (offset: number, one: { readonly issue: string; readonly suggestion?: string }) => {
    const suggestion = one.suggestion === undefined ? {} : { suggestion: one.suggestion }
    problems.push({ offset, message: one.issue, ...suggestion })
  }
  const speak = (offset: number, spoken: Spoken) => {
    references.push(spoken)
    for (const one of spoken.reference.alternatives) {
      if (one.kind === "unknown") unknown(offset, one)
      const secret =
        one.kind === "secret" ||
        (one.kind === "root" && one.root === "inputs" && one.path.length > 0 && secretInputs.has(String(one.path[0])))
      if (secret) problems.push({ offset, message: "a secret cannot be looked at in an expression" })
    }
  }
  const declare = (node: Id, spoken: Spoken, keys: ReadonlyArray<string | bigint>) => {
    // what no expression can spell
    const name = `$${node.start}`
    declared.push([name, spoken, keys])
    rename(node, name)
  }

  const name = (node: Id, chain: Chain, locals: ReadonlySet<string>): Reference.Reference | undefined => {
    const written = unbound.get(node.start)
    if (written !== undefined) {
      unbound.delete(node.start)
      const spoken = { reference: written, optional: false }
      speak(node.start, spoken)
      declare(node, spoken, [])
      return chain.steps.length === 0 ? written : undefined
    }
    if (locals.has(node.args)) return undefined
    const isRoot = roots.some((root) => root === node.args)
    if (!isRoot && !names.has(node.args) && environment().hasVariable(node.args)) return undefined
    const path = chain.steps.map(({ step }) => step)
    const keys = chain.steps.map(({ key }) => key)
    const one = alternative(node.args, path, names)
    if (one.kind === "unknown") {
      unknown(node.start, spelling(expression, node, one, names))
      return undefined
    }
    // a step that may be missing is the last of the chain; behind it the library looks for itself
    const reference = { raw: expression.slice(node.start, chain.end), offset: node.start, alternatives: [one] }
    const steps = isResult(one) ? one.path.length : 0
    speak(node.start, { reference, optional: chain.optional && steps === 1, asks: chain.optional })
    declare(node, { reference, optional: chain.optional }, keys)
    return chain.optional || chain.open ? undefined : reference
  }

  /** The reference that the whole of a node is, if it is one. */
  const walk = (node: Node, locals: ReadonlySet<string>, has = false): Reference.Reference | undefined => {
    if (node.op === "id" || isAccess(node)) {
      const chain = chainOf(node, has)
      for (const inside of chain.inside) walk(inside, locals)
      if (chain.base.op === "id") return name(chain.base, chain, locals)
      walk(chain.base, locals)
      return undefined
    }
    const local = variableOf(node)
    for (const child of childrenOf(node)) {
      const inner = local !== undefined && child.scoped ? new Set([...locals, local.args]) : locals
      if (child.node !== local) walk(child.node, inner, node.op === "call" && node.args[0] === "has")
    }
    return undefined
  }

  try {
    const parsed = environment().parse(masked.text)
    const whole = walk(parsed.ast, new Set())
    for (const { offset, raw } of unbound.values()) {
      problems.push({ offset, message: `${raw} stands where no value can stand` })
    }
    const check = problems.length === 0 ? parsed.check() : undefined
    if (check?.error !== undefined) throw check.error
    if (whole !== undefined) return done(reading({ reference: whole, optional: false }, []))
    // most expressions are looked at, and never evaluated
    let variables: object | undefined
    return done((scope) => parsed(Object.assign(Object.create((variables ??= variablesOf(declared))), { scope })))
  } catch (error) {
    problems.push(syntaxProblem(expression, error, names))
    return done()
  }
}

/** Each reads its value when it is asked for. */
const variablesOf = (
  declared: ReadonlyArray<readonly [name: string, spoken: Spoken, keys: ReadonlyArray<string | bigint>]>
): object => {
  const variables = {}
  for (const [name, spoken, keys] of declared) {
    const read = reading(spoken, keys)
    Object.defineProperty(variables, name, {
      get(this: { readonly scope: Reference.Scope }) {
        return read(this.scope)
      }
    })
  }
  return variables
}

/**
 * The value of a variable: maps that hold nothing but the keys that the expression takes from it, so that a path is
 * looked up here, and `has` and `.?` still see keys.
 */
const reading = ({ optional, reference }: Spoken, keys: ReadonlyArray<string | bigint>) => {
  const read = Reference.reader(reference)
  const parent = optional && keys.length > 1 ? parentOf(reference) : undefined
  const readParent = parent === undefined ? undefined : Reference.reader(parent)
  return (scope: Reference.Scope): unknown => {
    let value: unknown = read(scope)
    if (value === undefined && !optional) throw new Missing(Reference.missing(reference, scope))
    if (value === undefined && parent !== undefined && readParent?.(scope) === undefined) {
      throw new Missing(Reference.missing(parent, scope))
    }
    for (let i = keys.length - 1; i >= 0; i--) value = value === undefined ? new Map() : new Map([[keys[i], value]])
    return value
  }
}

/** The reference one step up; none where that is a task itself, which may be without a value. */
const parentOf = (reference: Reference.Reference): Reference.Reference | undefined => {
  const [one] = reference.alternatives
  if ((one?.kind !== "task" && one?.kind !== "root") || one.path.length < 2) return undefined
  return { ...reference, alternatives: [{ ...one, path: one.path.slice(0, -1) }] }
}

/** What a task has left behind, or an iteration of it: a field may or may not be there. */
const isResult = (
  one: Reference.Alternative
): one is Extract<Reference.Alternative, { readonly kind: "task" | "root" }> =>
  one.kind === "task" || (one.kind === "root" && (one.root === "result" || one.root === "previous"))

class Missing extends Error {}

const rename = (node: Id, name: string): void => {
  // Safe: the library reads the name of a variable from its node whenever it is evaluated.
  ;(node as { args: string }).args = name
}

const withSuggestion = ({ message, suggestion }: Problem): string =>
  suggestion === undefined ? message : `${message}, did you mean "${suggestion}"?`

/** A name that CEL cannot spell is reached by `tasks["..."]`. */
const spelling = (
  expression: string,
  node: Id,
  one: { readonly issue: string; readonly suggestion?: string },
  names: Reference.Names
): { readonly issue: string; readonly suggestion?: string } => {
  const unspelled = unspelledIn(expression, names).find((name) => expression.startsWith(name, node.start))
  return unspelled === undefined ? one : { issue: `"${unspelled}" is no name in CEL`, suggestion: byKey(unspelled) }
}

/** Known names that CEL cannot spell and that occur in an expression, the longest first. */
const unspelledIn = (expression: string, names: Reference.Names): ReadonlyArray<string> =>
  [...names.keys()]
    .filter((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && expression.includes(name))
    .toSorted((a, b) => b.length - a.length)

const byKey = (name: string): string => `tasks[${JSON.stringify(name)}]`

const syntaxProblem = (expression: string, error: unknown, names: Reference.Names): Problem => {
  const range = isCelError(error) ? error.range : undefined
  const word = range === undefined ? "" : expression.slice(range.start, range.end)
  const reserved = isCelError(error) && error.code === "reserved_identifier" && names.has(word)
  const suggestion = reserved ? word : unspelledIn(expression, names)[0]
  return {
    offset: range?.start ?? 0,
    message: issueOf(error),
    ...(suggestion === undefined ? {} : { suggestion: byKey(suggestion) })
  }
}

/** Without the library's words for what is not known before it runs. */
const issueOf = (error: unknown): string => {
  if (error instanceof Missing || error instanceof NoJson) return error.message
  if (isCelError(error))
    return error.summary.replaceAll(/dyn<([^<>]+)>/g, "$1").replace(/^No such key/, "no such field")
  if (error instanceof RangeError && /call stack/.test(error.message)) return "it is nested too deeply"
  return error instanceof Error ? error.message : String(error)
}

const unique = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(values)]
