/** Files of lines `NAME=VALUE`. Values stand for themselves: no reference in them is resolved. */
import { parseEnv } from "node:util"

export const read = (text: string): { readonly [name: string]: string } => {
  const values: Array<readonly [string, string]> = []
  for (const [name, value] of Object.entries(parseEnv(text))) if (value !== undefined) values.push([name, value])
  return Object.fromEntries(values)
}
