/**
 * References in the text of a configuration: `${VAR}`, `${env:VAR}`, `${VAR:-default}`, `${input:x}`, `${secrets.X}`,
 * `${workspaceFolder}`. `$${` stands for `${`, and `$VAR` for itself. What a reference stands for is taken as it is: it
 * is not looked through for others. These are not the references of workflows, which are resolved while a run goes on.
 */
import { Result } from "effect"

export type Part = string | Reference

export interface Reference {
  readonly kind: "variable" | "input" | "secret" | "place"
  /** Of a variable, an input, a secret; or one of `places`. */
  readonly name: string
  /** Of a variable that is not set, or empty. */
  readonly otherwise?: string
}

/** What stands for a place of this machine. */
export const places = ["workspaceFolder", "workspaceFolderBasename", "userHome", "pathSeparator"] as const

/** Text and references in turn. The failure says what is wrong, and never quotes more than a name. */
export const parse = (text: string): Result.Result<ReadonlyArray<Part>, string> => {
  const parts: Array<Part> = []
  let plain = ""
  let at = 0
  for (const found of text.matchAll(/\$\$\{|\$\{([^}]*)(\}?)/g)) {
    const [signs, inner = "", end] = found
    plain += text.slice(at, found.index)
    at = found.index + signs.length
    if (signs === "$${") {
      plain += "${"
      continue
    }
    if (end === "") return Result.fail("a `${` has no `}`; `$${` stands for the signs themselves")
    const reference = referenceOf(inner)
    if (Result.isFailure(reference)) return Result.fail(reference.failure)
    if (plain !== "") parts.push(plain)
    plain = ""
    parts.push(reference.success)
  }
  plain += text.slice(at)
  return Result.succeed(plain === "" ? parts : [...parts, plain])
}

/** Text that stands for this one. */
export const escape = (text: string): string => text.split("${").join("$${")

/** As `parse` reads it. */
export const write = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (typeof part === "string" ? escape(part) : written(part))).join("")

// internal

const referenceOf = (inner: string): Result.Result<Reference, string> => {
  const place = inner === "/" ? "pathSeparator" : places.find((place) => place === inner)
  if (place !== undefined) return Result.succeed({ kind: "place", name: place })
  const [, input] = /^input:(.+)$/s.exec(inner) ?? []
  if (input !== undefined) return Result.succeed({ kind: "input", name: input })
  const [, secret] = /^secrets\.(.+)$/s.exec(inner) ?? []
  if (secret !== undefined) return Result.succeed({ kind: "secret", name: secret })
  const [, name, otherwise] = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner) ?? []
  if (name !== undefined) {
    return Result.succeed({ kind: "variable", name, ...(otherwise === undefined ? {} : { otherwise }) })
  }
  const shown = /^[\w:.-]{0,40}/.exec(inner)?.[0] ?? ""
  return Result.fail(`"\${${shown}" begins no reference that is known; \`$\${\` stands for the signs themselves`)
}

const written = ({ kind, name, otherwise }: Reference): string => {
  switch (kind) {
    case "input":
      return `\${input:${name}}`
    case "secret":
      return `\${secrets.${name}}`
    case "place":
    case "variable":
      return `\${${name}${otherwise === undefined ? "" : `:-${otherwise}`}}`
  }
}
