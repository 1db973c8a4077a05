/** The providers that need nothing but the engine: `timer/v1` and `data/v1`. */
import { Clock, Effect, Layer } from "effect"
import { DataV1 } from "./DataV1.ts"
import { InvalidParams } from "./Errors.ts"
import type { Failure } from "./Failure.ts"
import * as Provider from "./Provider.ts"
import type { Providers } from "./Providers.ts"
import { TimerV1 } from "./TimerV1.ts"

const data = Provider.layer(
  DataV1,
  Effect.succeed({ name: "data", handlers: { "data/value": (params) => Effect.succeed(params) } })
)

const timer = Provider.layer(
  TimerV1,
  Effect.succeed({
    name: "timer",
    handlers: {
      "timer/sleep": Effect.fnUntraced(function* ({ seconds, until }) {
        const now = yield* Clock.currentTimeMillis
        const end = until === undefined ? (seconds === undefined ? NaN : now + seconds * 1000) : Date.parse(until)
        if (Number.isNaN(end) || (seconds !== undefined && until !== undefined)) {
          const issue = `needs either \`seconds\` or \`until\` (such as "2026-12-24T18:00:00Z")`
          return yield* new InvalidParams({ method: "timer/sleep", issue })
        }
        yield* Effect.sleep(Math.max(0, end - now))
        return { until: end }
      })
    }
  })
)

export const layer: Layer.Layer<never, Failure, Providers> = Layer.mergeAll(data, timer)
