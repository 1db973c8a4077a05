/** What the hub's tests share: mini-ollamas on loopback behind a hub, and requests to it. */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect } from "effect"
import * as Hub from "../src/Hub.ts"
import * as OllamaClient from "../src/OllamaClient.ts"
import * as OllamaModels from "../src/OllamaModels.ts"
import { fullName } from "../src/OllamaSchema.ts"

export const clientOf = (url: string) =>
  OllamaClient.make({
    name: "ollama",
    url,
    headers: {},
    connectTimeout: 3000,
    firstTokenTimeout: 300_000,
    idleTimeout: 60_000
  })

/** A request that does all that a provider's does, and tells where it was answered. `heard` is told of each part. */
export const asking =
  (run: Hub.Run, heard: (url: string) => void = () => {}) =>
  (model: string, { shows = false } = {}) =>
    run({ model: fullName(model), asked: model }, ({ client, published, took, url }) => {
      let times: Parameters<typeof took>[0] = { total: 0 }
      return client
        .ask("chat", { model, messages: [{ role: "user", content: "hello there" }], options: {} }, (part) =>
          Effect.sync(() => {
            heard(url)
            if (shows) published()
            const { load_duration, total_duration } = part
            times = { load: (load_duration ?? 0) / 1e6, total: (total_duration ?? 0) / 1e6 }
          })
        )
        .pipe(
          Effect.tap(() => Effect.sync(() => took(times))),
          Effect.as(url)
        )
    })

export type Part = Omit<Hub.Endpoint, "url" | "client"> & { readonly mini?: MiniOllama.Options }

/** One server for each part, all behind one hub. */
export const fleet = Effect.fnUntraced(function* (
  parts: ReadonlyArray<Part>,
  options: Partial<Pick<Hub.Options, "maxQueue" | "patience">> = {}
) {
  const minis = yield* Effect.forEach(parts, ({ mini }) => MiniOllama.start(mini))
  const endpoints = yield* Effect.forEach(parts, ({ mini: _mini, ...place }, index) => {
    const url = minis[index]?.url ?? ""
    return Effect.map(clientOf(url), (client): Hub.Endpoint => ({ ...place, url, client }))
  })
  const hub = yield* Hub.make({
    name: "ollama",
    endpoints,
    absent: ({ asked = "" }, available) => OllamaModels.absent("ollama", asked, available),
    ...options
  })
  const counts = new Map(minis.map(({ url }) => [url, 0]))
  return {
    minis,
    hub,
    ask: asking(hub.run, (url) => counts.set(url, (counts.get(url) ?? 0) + 1)),
    /** So many came from the server. */
    parts: (mini: MiniOllama.MiniOllama | undefined) => counts.get(mini?.url ?? "") ?? 0,
    /** Ends when so many parts came from the server. */
    heard: (mini: MiniOllama.MiniOllama | undefined, count: number) =>
      Effect.repeat(Effect.yieldNow, { until: () => mini !== undefined && (counts.get(mini.url) ?? 0) >= count })
  }
})
