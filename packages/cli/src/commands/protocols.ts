/** `gleitzeit protocols [show ID]` */
import { type Contract, Diagnostic, Gleitzeit, MethodName } from "@gleitzeit/core"
import { Effect, type Schema } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import { Output } from "../Output.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"
import { silent } from "./providers.ts"

const show = Command.make(
  "show",
  {
    id: Argument.String("id").pipe(
      Argument.withMetavar("ID"),
      Argument.withDescription("A protocol such as llm/v1, or a method such as llm/chat")
    )
  },
  Effect.fn("gleitzeit.protocols.show")(function* ({ id }) {
    const output = yield* Output
    const contracts = yield* (yield* Gleitzeit.Gleitzeit).contracts
    const wanted = MethodName.find(contracts, id)?.method ?? id
    const found = contracts.filter(({ method, protocol }) => protocol === id || method === wanted)
    if (found.length === 0) {
      yield* silent
      const known = new Set(contracts.flatMap(({ method, protocol }) => [protocol, method]))
      const meant = Diagnostic.nearest(id, known)
      const hint =
        meant === undefined
          ? ` (there are ${[...new Set(contracts.map(({ protocol }) => protocol))].join(", ")})`
          : `, did you mean "${meant}"?`
      return yield* new ExitCode.NotFound({ issue: `there is no protocol or method "${id}"${hint}` })
    }
    if (output.options.json) return yield* output.json({ methods: found })
    yield* output.data(
      once(found)
        .flatMap((contract) => [...describe(contract, output.dataStyle), ""])
        .join("\n")
        .trimEnd()
    )
  })
).pipe(Command.withDescription("Show the methods of a protocol with their params and results"))

export const protocols = Command.make(
  "protocols",
  {},
  Effect.fn("gleitzeit.protocols")(function* () {
    const output = yield* Output
    const contracts = yield* (yield* Gleitzeit.Gleitzeit).contracts
    if (output.options.json) return yield* output.json({ methods: contracts })
    yield* silent
    const rows = once(contracts).map(({ description, effects, method, protocol }) => [
      protocol,
      method,
      effects,
      description
    ])
    const [head = "", ...lines] = Text.table([["PROTOCOL", "METHOD", "EFFECTS", "DOES"], ...rows])
    yield* output.data([output.dataStyle.dim(head), ...lines].join("\n"))
  })
).pipe(
  Command.withDescription("List the methods that tasks can call"),
  Command.withSubcommands([show]),
  Command.provide(() => Bundle.layer({ store: "none" }))
)

/** A method as people read it. */
export const describe = (contract: Contract.Contract, { bold, dim, signs }: Style): ReadonlyArray<string> => [
  `${bold(contract.method)}  ${dim(`${contract.protocol}, ${contract.effects}`)}`,
  `  ${contract.description}`,
  "  params",
  ...fields(contract.params, dim),
  "  result",
  ...fields(contract.result, dim),
  ...(contract.examples ?? []).flatMap(({ params, result }, n) => [
    (contract.examples ?? []).length === 1 ? "  example" : `  example ${n + 1}`,
    `    ${dim("params")}  ${shown(params, signs.ellipsis)}`,
    `    ${dim("result")}  ${shown(result, signs.ellipsis)}`
  ])
]

// internal

/** What several providers promise in the same words is one thing. */
const once = (contracts: ReadonlyArray<Contract.Contract>): ReadonlyArray<Contract.Contract> => {
  const found = new Map<string, Contract.Contract>()
  for (const contract of contracts) {
    const { provider: _, ...promised } = contract
    const key = JSON.stringify(promised)
    if (!found.has(key)) found.set(key, contract)
  }
  return [...found.values()]
}

/** On one line, not all of it: `show --json` has the whole value. */
const shown = (value: Schema.Json, ellipsis: string): string =>
  Text.fit(Text.clean(JSON.stringify(value)), 100, ellipsis)

const fields = (schema: { readonly [key: string]: unknown }, dim: Style["dim"]): ReadonlyArray<string> => {
  const properties = schema["properties"]
  const required = schema["required"]
  if (!isRecord(properties)) {
    return [
      `    ${dim(schema["type"] === "object" && schema["additionalProperties"] === false ? "nothing" : "anything")}`
    ]
  }
  const rows = Object.entries(properties)
    .filter(([, property]) => !isRefused(property))
    .map(([name, property]) => [
      `    ${name}${Array.isArray(required) && required.includes(name) ? "" : "?"}`,
      typeOf(property),
      meaningOf(property)
    ])
  return Text.table(rows)
}

/** A name that is there to say what stands elsewhere: no value fits. */
const isRefused = (schema: unknown): boolean =>
  isRecord(schema) && isRecord(schema["not"]) && Object.keys(schema["not"]).length === 0

/** What is said of a type in the same breath as its bounds stands beside them. */
const meaningOf = (schema: unknown): string => {
  if (!isRecord(schema)) return ""
  if (typeof schema["description"] === "string") return schema["description"]
  const parts = schema["allOf"]
  return Array.isArray(parts) ? (parts.map(meaningOf).find((meaning) => meaning !== "") ?? "") : ""
}

/** A type on one line, not all of it: `show --json` has the whole schema. */
const typeOf = (schema: unknown): string => {
  if (!isRecord(schema)) return "any"
  const values = schema["enum"]
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(" | ")
  for (const key of ["anyOf", "oneOf"]) {
    const members = schema[key]
    if (Array.isArray(members)) return [...new Set(members.map(typeOf))].join(" | ")
  }
  if (schema["const"] !== undefined) return JSON.stringify(schema["const"])
  if (schema["type"] === "array") return `list of ${typeOf(schema["items"])}`
  const type = schema["type"]
  return typeof type === "string" ? type : Array.isArray(type) ? type.join(" | ") : "any"
}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
