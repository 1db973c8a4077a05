/** The prices of `@pydantic/genai-prices`, where that package is installed. It is no part of this program. */
import { Prices } from "@gleitzeit/core"
import { Result } from "effect"
import { createRequire } from "node:module"
import { join } from "node:path"

/**
 * Looked for in the project's folder, then beside this program, and loaded when the first price is asked for; without
 * the package nothing is known. It has no prices of models that Ollama runs, and is not loaded for those.
 */
export const installed = (folder: string): Prices.Pricing => {
  let found: Prices.Pricing | undefined
  return { costOf: (used) => (used.provider === "ollama" ? undefined : (found ??= load(folder)).costOf(used)) }
}

// internal

const load = (folder: string): Prices.Pricing => {
  for (const place of [join(folder, "_"), import.meta.url]) {
    const loaded = Result.try((): unknown => createRequire(place)("@pydantic/genai-prices"))
    if (Result.isSuccess(loaded) && isPriceList(loaded.success)) {
      return Prices.fromCalculator(loaded.success.calcPrice, "genai-prices")
    }
  }
  return Prices.nothing
}

/** What it returns, and that it may throw, is looked at with each price. */
const isPriceList = (module: unknown): module is { readonly calcPrice: Prices.Calculator } =>
  typeof module === "object" && module !== null && "calcPrice" in module && typeof module.calcPrice === "function"
