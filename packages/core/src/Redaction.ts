/** Masks secret values in what is recorded or shown. Values of fewer than 8 characters are left: they hit by chance. */
import type { Schema } from "effect"
import { type Failure, of } from "./Failure.ts"
import { isObject } from "./Json.ts"
import type { Chunk, Question } from "./Task.ts"

/** Characters that a value has at least that is looked for. */
export const least = 8

/** Gives back the very same value when there is nothing to mask. */
export type Mask = (json: Schema.Json) => Schema.Json

export const mask = (secrets: Iterable<string>): Mask => {
  // longest first, so that a secret inside another does not leave a rest of it
  const values = [...new Set([...secrets].flatMap(forms))]
    .filter(({ length }) => length >= least)
    .toSorted((a, b) => b.length - a.length)
  if (values.length === 0) return (json) => json
  const text = (string: string) => values.reduce((masked, value) => masked.replaceAll(value, "***"), string)
  const visit: Mask = (json) => {
    if (typeof json === "string") return text(json)
    if (typeof json !== "object" || json === null) return json
    if (Array.isArray(json)) {
      const items = json.map(visit)
      return items.every((item, i) => item === json[i]) ? json : items
    }
    let changed = false
    const entries = Object.entries(json).map(([key, value]: [string, Schema.Json]) => {
      const [maskedKey, masked] = [text(key), visit(value)]
      if (maskedKey !== key || masked !== value) changed = true
      return [maskedKey, masked] as const
    })
    return changed ? Object.fromEntries(entries) : json
  }
  return visit
}

/** As it is, as it stands inside JSON, and line by line, as logs come. */
const forms = (secret: string): ReadonlyArray<string> => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  ...secret.split(/[\r\n]+/).map((line) => line.trim())
]

export const failure = (mask: Mask, error: Failure): Failure => {
  const { data, message, name, ...rest } = of(error)
  return {
    ...rest,
    name: String(mask(name)),
    message: String(mask(message)),
    ...(data === undefined ? {} : { data: mask(data) })
  }
}

/** A secret split over two chunks is not seen: chunks are shown, never recorded. */
export const chunk = (mask: Mask, chunk: Chunk): Chunk => {
  switch (chunk._tag) {
    case "Text":
    case "Reasoning":
      return { ...chunk, text: String(mask(chunk.text)) }
    case "Progress":
      return chunk.message === undefined ? chunk : { ...chunk, message: String(mask(chunk.message)) }
    case "Log":
      return { ...chunk, message: String(mask(chunk.message)) }
  }
}

/** What is asked is recorded, and shown to whoever may answer. */
export const question = (mask: Mask, { data, prompt, schema, ...rest }: Question): Question => {
  const masked = schema === undefined ? null : mask(schema)
  return {
    ...rest,
    ...(prompt === undefined ? {} : { prompt: String(mask(prompt)) }),
    ...(!isObject(masked) ? {} : { schema: masked }),
    ...(data === undefined ? {} : { data: mask(data) })
  }
}
