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

/** As people read it. */
export const healthTable = (all: ReadonlyArray<Health>, style: Style): ReadonlyArray<string> => {
  const rows = all.map(({ health, name, protocol }) => [name, protocol, health.status, details(health.details)])
  const lines = Text.table(rows)
  return lines.map((line, i) => {
    const status = all[i]?.health.status ?? ""
    const [sign, paint] =
      status === "healthy"
        ? [style.signs.completed, style.green]
        : status === "degraded"
          ? [style.signs.warning, style.yellow]
          : [style.signs.failed, style.red]
    return `${paint(sign)} ${line}`
  })
}

/** The facts of a health, on one line. */
export const details = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return value === undefined ? "" : Text.flat(String(value))
  for (const key of ["reason", "message"]) {
    const said: unknown = Reflect.get(value, key)
    if (typeof said === "string") return Text.flat(said)
  }
  return Object.entries(value)
    .flatMap(([key, fact]) => {
      const shown = factText(fact)
      return shown === "" ? [] : [`${key.replaceAll("_", " ")} ${shown}`]
    })
    .join(", ")
}

// internal

const factText = (fact: unknown): string => {
  if (Array.isArray(fact)) {
    const some = fact.slice(0, 5).map(factText).join(" ")
    return fact.length === 0 ? "none" : fact.length > 5 ? `${some} and ${fact.length - 5} more` : some
  }
  return typeof fact === "object" && fact !== null ? JSON.stringify(fact) : Text.flat(String(fact))
}
