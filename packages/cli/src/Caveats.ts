/** What answers of models say against themselves, as `warnings` of their results: for people, at the end. Pure. */
import { Schema } from "effect"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

/** A line for each thing that is said, with the names of those that say it; at most five of each are shown. */
export const lines = (
  results: Iterable<readonly [name: string, result: unknown]>,
  { signs, yellow }: Style
): ReadonlyArray<string> => {
  const said = new Map<string, Array<string>>()
  for (const [name, result] of results) {
    // of a simulated one a notice of its own is given
    if (!isAnswer(result) || result.simulated === true) continue
    for (const warning of result.warnings) {
      const names = said.get(warning)
      if (names === undefined) said.set(warning, [name])
      else names.push(name)
    }
  }
  const shown = [...said].slice(0, most).map(([warning, names]) => {
    const more = names.length > most ? ` and ${Text.number(names.length - most)} more` : ""
    return `${names.slice(0, most).join(", ")}${more}: ${warning}`
  })
  const others = said.size - shown.length
  return [...shown, ...(others > 0 ? [Text.count(others, "more warning")] : [])].map((line) =>
    yellow(`${signs.warning} ${Text.flat(line)}`)
  )
}

// internal

const most = 5

/** Results of other methods may have `warnings` too, which mean whatever they mean. */
const isAnswer = Schema.is(
  Schema.Struct({
    model: Schema.String,
    provider_id: Schema.String,
    simulated: Schema.optionalKey(Schema.Literal(true)),
    warnings: Schema.Array(Schema.String)
  })
)
