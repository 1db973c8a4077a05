/**
 * The CEL library as it is used here: its operators, and the types that are known of values before there are any. The
 * only file that knows the library.
 */
import { Environment, EvaluationError, ParseError, TypeError } from "@marcbachmann/cel-js"
import { isAccess, type Node } from "./Expression.ts"

/**
 * Made for the first expression there is: most programs have none, and making it takes 5 ms. JSON numbers are doubles,
 * literals are integers: without the operators here `rows[0] + 1` has no meaning in CEL.
 */
export const environment = (): Environment => (made ??= makeEnvironment())

export const isCelError = (error: unknown): error is EvaluationError | ParseError | TypeError =>
  error instanceof EvaluationError || error instanceof ParseError || error instanceof TypeError

/** What JSON has. A list or a map says nothing of what is in it: CEL would refuse what it evaluates without complaint. */
export type CelType = "string" | "double" | "bool" | "null" | "list" | "map"

export interface Typed {
  readonly ast: Node
  /** Of what follows, this node has that type, whatever it is made of. */
  readonly declare: (node: Node, type: CelType) => void
  readonly check: () => TypeFinding
}

export type TypeFinding =
  /** What the whole gives, in CEL's words: `bool`, `dyn`, `list<int>`. */
  | { readonly type: string }
  | {
      readonly code: string
      readonly message: string
      /** In the expression, in UTF-16 units. */
      readonly offset: number
      readonly op: string
      /** Types of what the operator or function is applied to, in CEL's words. */
      readonly operands: ReadonlyArray<string>
    }

/** Throws what `environment().parse` throws. */
export const typed = (text: string): Typed => {
  const { ast, check } = typedEnvironment().parse(text)
  return {
    ast,
    declare: (node, type) => {
      // Safe: the library looks at a node whose type it knows no more.
      ;(node as { checkedType?: unknown }).checkedType = declarations().get(type)
    },
    check: () => {
      const { error, type = "dyn" } = check()
      if (error === undefined) return { type }
      const node: unknown = error.node
      const inside = isNode(node) ? operandsOf(node) : []
      return {
        code: error.code,
        message: error.summary,
        offset: isNode(node) ? beginning(node) : (error.range?.start ?? 0),
        op: isNode(node) ? node.op : "",
        operands: inside.map((operand) => nameOf((operand as { checkedType?: unknown }).checkedType))
      }
    }
  }
}

// internal

let made: Environment | undefined

const makeEnvironment = (): Environment => {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false
  })
  const operators: ReadonlyArray<readonly [string, (a: number, b: number) => number]> = [
    ["+", (a, b) => a + b],
    ["-", (a, b) => a - b],
    ["*", (a, b) => a * b],
    ["/", (a, b) => a / b],
    ["%", (a, b) => a % b]
  ]
  for (const [sign, apply] of operators) {
    const mixed = (a: number | bigint, b: number | bigint) => apply(Number(a), Number(b))
    environment.registerOperator(`double ${sign} int: double`, mixed)
    environment.registerOperator(`int ${sign} double: double`, mixed)
    if (sign === "%") environment.registerOperator("double % double: double", mixed)
  }
  return environment
}

let madeTyped: Environment | undefined

/** Knows what CEL evaluates without complaint and would refuse of types: numbers of two kinds, and a look for null. */
const typedEnvironment = (): Environment => (madeTyped ??= makeTyped())

const makeTyped = (): Environment => {
  const typed = environment().clone()
  const never = () => false
  for (const [left, right] of [
    ["double", "int"],
    ["double", "uint"],
    ...["string", "double", "int", "bool", "list", "map"].map((type) => [type, "null"] as const)
  ]) {
    typed.registerOperator(`${left} == ${right}`, never)
  }
  typed.registerOperator("double in list<int>: bool", never)
  typed.registerOperator("int in list<double>: bool", never)
  return typed
}

let known: ReadonlyMap<CelType, unknown> | undefined

/** The library's own objects for the types, taken from expressions that it has checked. */
const declarations = (): ReadonlyMap<CelType, unknown> => (known ??= new Map(samples.map(declaration)))

const samples: ReadonlyArray<readonly [CelType, sample: string]> = [
  ["string", "''"],
  ["double", "1.0"],
  ["bool", "true"],
  ["null", "null"],
  ["list", "[dyn(1)]"],
  ["map", "{dyn(1): dyn(1)}"]
]

const declaration = ([type, sample]: (typeof samples)[number]): readonly [CelType, unknown] => {
  const { ast, check } = typedEnvironment().parse(sample)
  check()
  return [type, (ast as { checkedType?: unknown }).checkedType]
}

/** Where its text begins: the place of a step is its own. */
const beginning = (node: Node): number => (isAccess(node) ? beginning(node.args[0]) : node.start)

const nameOf = (declared: unknown): string => (declared === undefined ? "dyn" : String(declared))

const isNode = (node: unknown): node is Node =>
  typeof node === "object" && node !== null && "op" in node && "args" in node

const operandsOf = (node: Node): ReadonlyArray<Node> => {
  switch (node.op) {
    case "!_":
    case "-_":
      return [node.args]
    case "call":
      return node.args[1]
    case "rcall":
      return [node.args[1], ...node.args[2]]
    case "id":
    case "value":
    case "map":
    case ".":
    case ".?":
      return []
    default:
      return node.args.filter((part) => typeof part === "object")
  }
}
