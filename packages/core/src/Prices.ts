/**
 * What calls of models cost. A price that nobody knows is `undefined`, never 0: a sum it belongs to is then not
 * complete, and says so. Knows no provider and no list of prices: both are given to it.
 */
import { Context, Result, Schema } from "effect"
import { exact, type Usage } from "./Task.ts"

/** What a call has used. Tokens of a provider's cache are a part of `input_tokens`. */
export interface Counted extends Usage {
  readonly cache_read_tokens?: number
  readonly cache_write_tokens?: number
}

export interface Used {
  /** As lists of prices name it: `openai`, `anthropic`, `google`, `aws`, `ollama`. */
  readonly provider: string
  /** As the provider names it. `openai:gpt-4o` of `openai` is `gpt-4o`, `llama3.2:latest` is `llama3.2`. */
  readonly model: string
  readonly usage: Counted
}

export interface Cost {
  readonly usd: number
  /** Whose price it is: `table`, `genai-prices`, `local`. */
  readonly source: string
}

export interface Pricing {
  /** `undefined` where the price is not known, or a count that it depends on is not. */
  readonly costOf: (used: Used) => Cost | undefined
}

/** Where providers find it. By default nothing is known. */
export const Prices: Context.Reference<Pricing> = Context.Reference<Pricing>("@gleitzeit/core/Prices", {
  defaultValue: () => nothing
})

const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** USD for a million tokens. */
export const Price = Schema.Struct({
  input: Amount,
  output: Amount,
  /** Of input tokens that the provider has read from its cache. Default: as `input`. */
  cache_read: Schema.optionalKey(Amount),
  /** Of input tokens that it has put there. Default: as `input`. */
  cache_write: Schema.optionalKey(Amount),
  /** USD for each call, on top. Default 0. */
  request: Schema.optionalKey(Amount)
})
export type Price = typeof Price.Type

/**
 * By model, `gpt-4o`, or provider and model, `openai/gpt-4o`. A `*` stands for any signs, also for none. Small and big
 * letters are the same. Of several that fit, one without `*` is taken, else the one with the most other signs.
 */
export const Table = Schema.Record(Schema.String, Price)
export type Table = typeof Table.Type

export const nothing: Pricing = { costOf: () => undefined }

export const fromTable = (table: Table): Pricing => {
  const lines = Object.entries(table).map(([key, price]) => lineOf(key, price))
  const inOrder = lines.toSorted((a, b) => Number(a.isPattern) - Number(b.isPattern) || b.signs - a.signs)
  return {
    costOf: ({ model, provider, usage }) => {
      const names = namesOf(provider, model)
      const usd = costAt(inOrder.find(({ fits }) => names.some(fits))?.price, usage)
      return usd === undefined ? undefined : { usd, source: "table" }
    }
  }
}

/** The first that knows. One that has the price of a model, but not the counts, leaves it to the next. */
export const orElse = (first: Pricing, second: Pricing): Pricing => ({
  costOf: (used) => first.costOf(used) ?? second.costOf(used)
})

/** `calcPrice` of `@pydantic/genai-prices`, as far as it is needed. */
export type Calculator = (
  usage: {
    readonly input_tokens: number
    readonly output_tokens: number
    readonly cache_read_tokens?: number
    readonly cache_write_tokens?: number
  },
  model: string,
  options: { readonly providerId: string }
) => { readonly total_price: number; readonly model_price: { readonly [unit: string]: unknown } } | null

/** A calculator that throws knows nothing. A model of a provider that it does not know has no price. */
export const fromCalculator = (calculate: Calculator, source: string): Pricing => ({
  costOf: ({ model, provider, usage }) => {
    const { cache_read_tokens, cache_write_tokens, input_tokens, output_tokens } = usage
    // without a provider it would guess one by the model, also for a model that runs on one's own machine
    if (provider === "") return undefined
    const counted = {
      input_tokens: input_tokens ?? 0,
      output_tokens: output_tokens ?? 0,
      ...(cache_read_tokens === undefined ? {} : { cache_read_tokens }),
      ...(cache_write_tokens === undefined ? {} : { cache_write_tokens })
    }
    const found = Result.try(() => {
      const price = calculate(counted, plain(provider, model), { providerId: provider })
      if (price === null) return undefined
      if (input_tokens === undefined && price.model_price["input_mtok"] !== undefined) return undefined
      if (output_tokens === undefined && price.model_price["output_mtok"] !== undefined) return undefined
      return isAmount(price.total_price) ? { usd: exact(price.total_price), source } : undefined
    })
    return Result.getOrElse(found, () => undefined)
  }
})

/** A call of a model that is to be made. */
export interface Planned {
  readonly provider: string
  readonly model: string
  /** What the model is given, each message singly. Images and files are not in it. */
  readonly texts: ReadonlyArray<string>
  /** Tokens of one answer, at most. Absent: nobody knows. */
  readonly output?: number
  /** How often the model may be asked in the one call, each time with all that was said before. Default 1. */
  readonly requests?: number
}

/**
 * What a call uses at most, for a budget to hold back: of the input a token for every two bytes, and some for each
 * message, which is two or three times what most languages need. A text of digits or rare signs may need more. What
 * depends on something that is not known is left out.
 */
export const estimate = (pricing: Pricing, { model, output, provider, requests = 1, texts }: Planned): Usage => {
  const given = texts.reduce((sum, text) => sum + Math.ceil(bytes.encode(text).length / 2) + frame, 0)
  const again = (requests * (requests - 1)) / 2
  const input_tokens = again === 0 ? given : output === undefined ? undefined : given * requests + output * again
  const usage: Usage = {
    ...(input_tokens === undefined ? {} : { input_tokens }),
    ...(output === undefined ? {} : { output_tokens: output * requests })
  }
  const cost = pricing.costOf({ provider, model, usage: { ...usage, calls: requests } })
  return cost === undefined ? usage : { ...usage, cost_usd: cost.usd }
}

// internal

const bytes = new TextEncoder()

/** Tokens around a message, its role among them. */
const frame = 16

interface Line {
  readonly fits: (name: string) => boolean
  readonly isPattern: boolean
  /** Of the key, without `*`. */
  readonly signs: number
  readonly price: Price
}

const lineOf = (key: string, price: Price): Line => {
  const written = normal(key)
  const parts = written.split("*")
  return {
    fits: parts.length === 1 ? (name) => name === written : (name) => fits(parts, name),
    isPattern: parts.length > 1,
    signs: written.length - parts.length + 1,
    price
  }
}

/** The parts stand in the name in order, the first at its beginning, the last at its end. No pattern runs wild on it. */
const fits = (parts: ReadonlyArray<string>, name: string): boolean => {
  const first = parts[0] ?? ""
  const last = parts.at(-1) ?? ""
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let from = first.length
  for (const part of parts.slice(1, -1)) {
    const at = name.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return from + last.length <= name.length
}

/** What a key may say of a model. */
const namesOf = (provider: string, model: string): ReadonlyArray<string> => {
  const own = normal(plain(provider, model))
  const house = provider.toLowerCase()
  return [own, `${house}/${own}`, `${house}:${own}`]
}

const normal = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/:latest$/, "")

/** Without the provider before it. */
const plain = (provider: string, model: string): string => {
  const [sign] = [":", "/"].filter((sign) => model.toLowerCase().startsWith(`${provider}${sign}`.toLowerCase()))
  return sign === undefined || provider === "" ? model : model.slice(provider.length + 1)
}

const costAt = (price: Price | undefined, usage: Counted): number | undefined => {
  if (price === undefined) return undefined
  const { cache_read_tokens: read = 0, cache_write_tokens: written = 0, calls = 1, input_tokens, output_tokens } = usage
  const { cache_read = price.input, cache_write = price.input, input, output, request = 0 } = price
  const uncached = input_tokens === undefined ? undefined : Math.max(0, input_tokens - read - written)
  // what has no price costs nothing, however much of it there was
  const parts = [part(uncached, input), part(read, cache_read), part(written, cache_write), part(output_tokens, output)]
  let usd = request * calls
  for (const one of parts) {
    if (one === undefined) return undefined
    usd += one / 1e6
  }
  return isAmount(usd) ? exact(usd) : undefined
}

const part = (tokens: number | undefined, price: number): number | undefined =>
  price === 0 ? 0 : tokens === undefined ? undefined : tokens * price

const isAmount = (usd: number): boolean => Number.isFinite(usd) && usd >= 0
