/** `gleitzeit providers [health | add | remove]` */
import { Gleitzeit, Providers } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import { Output } from "../Output.ts"
import * as ProviderList from "../ProviderList.ts"
import { spinning } from "../Spinner.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"
import { add, remove } from "./registration.ts"

type Health = Effect.Success<Gleitzeit.Gleitzeit["Service"]["health"]>[number]

const health = Command.make(
  "health",
  {},
  Effect.fn("gleitzeit.providers.health")(function* () {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const all = yield* spinning("asking providers", gleitzeit.health)
    if (output.options.json) yield* output.json({ providers: all })
    else for (const line of healthTable(all, output.dataStyle)) yield* output.data(line)
    if (all.some(({ health }) => health.status === "unhealthy")) {
      return yield* new ExitCode.Ended({ exit: ExitCode.unavailable })
    }
  })
).pipe(Command.withDescription("Ask every provider whether it can work; exit 5 when one cannot"))

export const providers = Command.make(
  "providers",
  {},
  Effect.fn("gleitzeit.providers")(function* () {
    const output = yield* Output
    const all = yield* (yield* Providers.Providers).all
    const list = yield* ProviderList.of(all)
    if (output.options.json) return yield* output.json({ providers: list })
    yield* output.data(ProviderList.table(list, output.dataStyle).join("\n"))
  })
).pipe(
  Command.withDescription("List the providers on duty and what they can do"),
  Command.withShortDescription("List providers"),
  Command.withSubcommands([health, add, remove]),
  Command.provide(() => Bundle.layer({ store: "none" }))
)

/** On standard error, who cannot say what they can do: their methods look like those that nobody has. */
export const silent = Effect.gen(function* () {
  const { note, options, style } = yield* Output
  if (options.json || options.quiet) return
  for (const { contracts, name } of yield* (yield* Providers.Providers).all) {
    const failure = yield* Effect.orElseSucceed(Effect.flip(contracts), () => undefined)
    if (failure === undefined) continue
    yield* note(style.yellow(`${style.signs.warning} provider ${Text.flat(name)}: ${Text.flat(failure.message)}`))
  }
})

/** As people read it: a provider a line, and below it those that it works through. */
export const healthTable = (all: ReadonlyArray<Health>, style: Style): ReadonlyArray<string> => {
  const rows = all.map(({ health, name, protocol }) => [name, protocol, health.status, details(health.details)])
  return Text.table(rows).flatMap((line, i) => {
    const health = all[i]?.health
    return [marked(health?.status ?? "", line, style), ...partLines(health?.details, style)]
  })
}

/** The facts of a health, on one line. */
export const details = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return value === undefined ? "" : Text.flat(String(value))
  for (const key of ["reason", "message"]) {
    const said: unknown = Reflect.get(value, key)
    if (typeof said === "string") return Text.flat(said)
  }
  return facts(Object.entries(value))
}

/** A line for each that a provider works through, by the details of its health. */
export const partLines = (value: unknown, style: Style): ReadonlyArray<string> => {
  if (typeof value !== "object" || value === null) return []
  const listed: unknown = Reflect.get(value, "endpoints")
  const parts = Array.isArray(listed) ? listed.filter(isPart) : []
  const levels: unknown = Reflect.get(value, "levels")
  const rows = [
    ...parts.map(({ status, url, ...rest }) => ({ status, cells: [url, status, facts(Object.entries(rest))] })),
    ...(isLevels(levels) ? Object.entries(levels) : []).map(([level, missing]) => ({
      status: missing === null ? "healthy" : "degraded",
      cells: [level, missing === null ? "available" : "not available", Text.flat(missing ?? "")]
    }))
  ]
  return Text.table(rows.map(({ cells }) => cells)).map(
    (line, i) => `    ${marked(rows[i]?.status ?? "", line.trimEnd(), style)}`
  )
}

// internal

/** A server of a provider, or whatever else it works through: in the list `endpoints` of a health's details. */
interface Part {
  readonly url: string
  readonly status: string
}

const isPart = (value: unknown): value is Part =>
  typeof value === "object" &&
  value !== null &&
  typeof Reflect.get(value, "url") === "string" &&
  typeof Reflect.get(value, "status") === "string"

/** What a provider may offer, each with why it does not here, or null: in `levels` of a health's details. */
const isLevels = (value: unknown): value is { readonly [level: string]: string | null } =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((missing) => missing === null || typeof missing === "string")

const marked = (status: string, line: string, style: Style): string => {
  const [sign, paint] =
    status === "healthy"
      ? [style.signs.completed, style.green]
      : status === "degraded"
        ? [style.signs.warning, style.yellow]
        : [style.signs.failed, style.red]
  return `${paint(sign)} ${line}`
}

const facts = (all: ReadonlyArray<readonly [string, unknown]>): string =>
  all
    .filter(([key, fact]) => key !== "levels" || !isLevels(fact))
    .flatMap(([key, fact]) => {
      const shown = factText(fact)
      const [words = "", unit = ""] = key.endsWith("_seconds") ? [key.slice(0, -"_seconds".length), " s"] : [key]
      return shown === "" ? [] : [`${words.replaceAll("_", " ")} ${shown}${unit}`]
    })
    .join(", ")

const factText = (fact: unknown): string => {
  if (Array.isArray(fact)) {
    // each has a line of its own
    const parts = fact.filter(isPart)
    if (parts.length > 0)
      return `${parts.filter(({ status }) => status === "healthy").length} of ${parts.length} healthy`
    const some = fact.slice(0, 5).map(factText).join(" ")
    return fact.length === 0 ? "none" : fact.length > 5 ? `${some} and ${fact.length - 5} more` : some
  }
  return typeof fact === "object" && fact !== null ? JSON.stringify(fact) : Text.flat(String(fact))
}
