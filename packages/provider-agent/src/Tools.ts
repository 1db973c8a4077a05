/** Which of the methods on duty an agent may call, and which of them people are asked about. Pure. */
import { Contract, Json } from "@gleitzeit/core"
import { Result } from "effect"
import * as Pattern from "./Pattern.ts"

export interface Tool {
  readonly method: string
  readonly contract: Contract.Contract
  /** People are asked before each call. */
  readonly asks: boolean
  /** Names of params that are paths: the run confines what its document names, not what a model does. */
  readonly files: ReadonlyArray<string>
}

export interface Selection {
  readonly tools: ReadonlyArray<Tool>
  /** Methods that a pattern stands for and that are no tools, with the reason. */
  readonly left: ReadonlyArray<string>
}

export const agent = "agent/run"
export const tool = "agent/tool"

/** In the order of the contracts. A text says what is wrong with the patterns, which of them and why. */
export const select = (
  contracts: ReadonlyArray<Contract.Contract>,
  { approve = [], tools = [] }: { readonly tools?: ReadonlyArray<string>; readonly approve?: ReadonlyArray<string> }
): Result.Result<Selection, string> => {
  // of several who serve a method the first to come: they promise the same
  const known = new Map(contracts.toReversed().map((contract) => [contract.method, contract]))
  known.delete(tool)
  const reasons = new Map<string, string>()
  const found = new Map<string, Tool>()
  for (const [method, contract] of [...known].toReversed()) {
    const naming = tools.filter((pattern) => Pattern.matches(pattern, method))
    if (naming.length === 0) continue
    const asks = approve.some((pattern) => Pattern.matches(pattern, method))
    const files = filesOf(contract)
    if (contract.effects === "writes" && !asks && !naming.some(Pattern.isExact)) {
      reasons.set(method, `${method} writes: name it in full, or put it under \`approve\``)
    } else if (required(contract).some((name) => files.includes(name))) {
      reasons.set(method, `${method} needs a path, which no model gives`)
    } else found.set(method, { method, contract, asks, files })
  }
  for (const [index, pattern] of tools.entries()) {
    if ([...found.keys()].some((method) => Pattern.matches(pattern, method))) continue
    const why = [...reasons].filter(([method]) => Pattern.matches(pattern, method)).map(([, reason]) => reason)
    const said =
      why.length > 0
        ? why.join("; ")
        : `no method on duty is meant (${some(near(pattern, [...known.keys()].toReversed()))})`
    return Result.fail(`tools[${index}] "${pattern}": ${said}`)
  }
  const idle = approve.findIndex((pattern) => ![...found.keys()].some((method) => Pattern.matches(pattern, method)))
  if (idle >= 0) {
    return Result.fail(`approve[${idle}] "${approve[idle]}": no tool is meant (${some([...found.keys()])})`)
  }
  return Result.succeed({ tools: [...found.values()], left: [...reasons.values()] })
}

/** What an agent gives another: never more than it has itself, whatever the model writes. */
export const narrowed = (
  params: Json.JsonObject,
  tools: ReadonlyArray<Tool>,
  limits: { readonly max_turns: number; readonly max_calls: number }
): Json.JsonObject => {
  const wanted = texts(params["tools"])
  const asked = texts(params["approve"])
  const given = tools.filter(({ method }) => wanted.some((pattern) => Pattern.matches(pattern, method)))
  const asking = given.filter(({ asks, method }) => asks || asked.some((pattern) => Pattern.matches(pattern, method)))
  const least = (key: "max_turns" | "max_calls") => {
    const value = params[key]
    return { [key]: typeof value === "number" ? Math.min(value, limits[key]) : limits[key] }
  }
  return {
    ...params,
    tools: given.map(({ method }) => method),
    approve: asking.map(({ method }) => method),
    ...least("max_turns"),
    ...least("max_calls")
  }
}

// internal

const filesOf = (contract: Contract.Contract): ReadonlyArray<string> =>
  [...Contract.marks(contract)].flatMap(([name, { kind }]) => (kind === "file" ? [name] : []))

const required = ({ params }: Contract.Contract): ReadonlyArray<string> => texts(params["required"])

const texts = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : []

/** Methods of the same prefix, or the prefixes that there are. */
const near = (pattern: string, methods: ReadonlyArray<string>): ReadonlyArray<string> => {
  const prefixOf = (name: string) => name.slice(0, name.indexOf("/") + 1)
  const siblings = methods.filter((method) => prefixOf(method) === prefixOf(pattern))
  return siblings.length > 0 ? siblings : [...new Set(methods.map((method) => `${prefixOf(method)}*`))]
}

const some = (names: ReadonlyArray<string>): string =>
  names.length === 0
    ? "there is none"
    : `there are ${names.slice(0, 12).join(", ")}${names.length > 12 ? ` and ${names.length - 12} more` : ""}`
