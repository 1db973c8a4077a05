/** Texts that are compared with files in `golden/`. With UPDATE_GOLDEN=1 in the environment they are written anew. */
import { assert } from "@effect/vitest"
import { existsSync, readFileSync, writeFileSync } from "node:fs"

export const golden = (name: string, lines: ReadonlyArray<string>): void => {
  const file = new URL(`golden/${name}.txt`, import.meta.url)
  // escape is written so that editors and people can read it
  const text = `${lines.join("\n").replaceAll("\u001B", "␛")}\n`
  if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(file)) writeFileSync(file, text)
  assert.strictEqual(text, readFileSync(file, "utf8"))
}
