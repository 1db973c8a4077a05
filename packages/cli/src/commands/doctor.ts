/** `gleitzeit doctor` */
import { Gleitzeit, type Settings, Store } from "@gleitzeit/core"
import { Effect, Result } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Machine from "../Machine.ts"
import * as Origins from "../Origins.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"
import { version } from "../Version.ts"
import { details, partLines } from "./providers.ts"

/** One thing that was looked at. */
export interface Finding {
  readonly what: string
  readonly status: "ok" | "degraded" | "failed"
  readonly detail: string
  /** Of a provider's health: what it works through has lines of its own. */
  readonly health?: unknown
}

export const doctor = Command.make(
  "doctor",
  {},
  Effect.fn("gleitzeit.doctor")(function* () {
    const output = yield* Output
    const settings = yield* Machine.settings
    const findings = yield* spinning("looking around", look(settings))
    const ok = findings.every(({ status }) => status !== "failed")
    if (output.options.json) {
      yield* output.json({ ok, findings, settings: Origins.document(settings) })
    } else yield* output.data(table(findings, output.dataStyle).join("\n"))
    if (!ok) return yield* new ExitCode.Ended({ exit: ExitCode.unavailable })
  })
).pipe(
  Command.withDescription("Look whether the store and the providers can be used; exit 5 when one cannot"),
  Command.withShortDescription("Look whether everything works")
)

/** As people read it. */
export const table = (findings: ReadonlyArray<Finding>, style: Style): ReadonlyArray<string> => {
  const { green, red, signs, yellow } = style
  return Text.table(findings.map(({ detail, what }) => [what, detail])).flatMap((line, i) => {
    const { health, status } = findings[i] ?? {}
    const sign =
      status === "ok" ? green(signs.completed) : status === "degraded" ? yellow(signs.warning) : red(signs.failed)
    return [`${sign} ${line}`, ...partLines(health, style)]
  })
}

// internal

const look = (settings: Settings.Settings) =>
  Effect.gen(function* () {
    const store = yield* Effect.result(Effect.provide(storeWorks, Bundle.layer({ store: "given" }), { local: true }))
    const health = yield* Effect.provide(
      Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => gleitzeit.health),
      Bundle.layer({ store: "none" }),
      { local: true }
    ).pipe(
      // in a store that cannot be used stand providers that nobody knows of
      Effect.catch((failure) => (Result.isFailure(store) ? Effect.succeed([]) : Effect.fail(failure)))
    )
    const { from, value } = Origins.storeOf(settings)
    const where = `${value} (${from})`
    const findings: Array<Finding> = [
      { what: "gleitzeit", status: "ok", detail: version },
      { what: "node", status: "ok", detail: `${process.version}, ${process.platform} ${process.arch}` },
      Result.isSuccess(store)
        ? { what: "store", status: "ok", detail: `${where}, survives: ${store.success}` }
        : { what: "store", status: "failed", detail: `${where}: ${Text.flat(store.failure.message)}` },
      ...health.map(({ health, name }): Finding => ({
        what: name,
        status: health.status === "healthy" ? "ok" : health.status === "degraded" ? "degraded" : "failed",
        detail: details(health.details) || health.status,
        health: health.details
      }))
    ]
    return findings
  })

/** Opens it and reads from it: a store that can be opened can be written to, its schema is written on opening. */
const storeWorks = Effect.gen(function* () {
  const store = yield* Store.Store
  yield* store.list({ limit: 1 })
  return store.durability
})
