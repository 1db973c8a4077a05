/** What an answer costs: nothing on one's own machine, unless somebody has set a price for the model. Pure. */
import type { Prices, Task } from "@gleitzeit/core"

/** As lists of prices name it, whatever the provider is called here. */
export const provider = "ollama"

/** Undefined where there is a price, and what it depends on is not known. */
export const of = (pricing: Prices.Pricing, model: string, usage: Task.Usage): Prices.Cost | undefined => {
  const found = pricing.costOf({ provider, model, usage })
  if (found !== undefined) return found
  const isPriced = pricing.costOf({ provider, model, usage: nothing }) !== undefined
  return isPriced ? undefined : { usd: 0, source: "local" }
}

/** The same as a list of prices. */
export const local = (pricing: Prices.Pricing): Prices.Pricing => ({
  costOf: ({ model, usage }) => of(pricing, model, usage)
})

// internal

const nothing: Task.Usage = { input_tokens: 0, output_tokens: 0 }
