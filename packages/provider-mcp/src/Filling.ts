/** What the references of a configuration stand for: variables, secrets, inputs, and places of this machine. */
import { Secrets } from "@gleitzeit/core"
import { Config, Effect, Option, Result } from "effect"
import { existsSync } from "node:fs"
import { basename, isAbsolute, sep } from "node:path"
import type { Input } from "./Dialects.ts"
import * as Expansion from "./Expansion.ts"

export interface Options {
  /** The project's, absolute. */
  readonly folder: string
  /** The user's, absolute. */
  readonly home: string
  /** Of our own configuration: their text may refer to variables and secrets. */
  readonly inputs: { readonly [name: string]: string }
  /** Those that the file itself speaks of. */
  readonly asked: ReadonlyArray<Input>
}

export interface Filled {
  readonly text: string
  /** What its variables, secrets and inputs stand for. Folders are no secrets. */
  readonly hidden: ReadonlyArray<string>
}

/** A text with everything filled in. The failure names what has no value. */
export type Fill = (text: string) => Effect.Effect<Result.Result<Filled, string>, never, Secrets.Secrets>

export const make = (options: Options): Fill => {
  const input = inputOf(
    options,
    filling(options, () => Effect.succeed(Result.fail("an input cannot be of another")))
  )
  return filling(options, input)
}

// internal

type Value = Effect.Effect<Result.Result<Filled, string>, never, Secrets.Secrets>

const filling =
  (options: Options, input: (name: string) => Value): Fill =>
  (written) =>
    Effect.gen(function* () {
      const parts = Expansion.parse(written)
      if (Result.isFailure(parts)) return Result.fail(parts.failure)
      let text = ""
      const hidden: Array<string> = []
      for (const part of parts.success) {
        const value = typeof part === "string" ? open(part) : yield* valueOf(part, options, input)
        if (Result.isFailure(value)) return Result.fail(value.failure)
        text += value.success.text
        hidden.push(...value.success.hidden)
      }
      return Result.succeed({ text, hidden })
    })

const valueOf = (
  { kind, name, otherwise }: Expansion.Reference,
  { folder, home }: Options,
  input: (name: string) => Value
): Value => {
  switch (kind) {
    case "variable":
      // one that is empty is as good as not set
      return Effect.map(variable(name), (value) => {
        if (value !== undefined) return veiled(value)
        return otherwise === undefined ? Result.fail(`the environment variable ${name} is not set`) : open(otherwise)
      })
    case "secret":
      return secret(name)
    case "input":
      return input(name)
    case "place":
      return Effect.succeed(open(placeOf(name, folder, home)))
  }
}

const open = (text: string): Result.Result<Filled, string> => Result.succeed({ text, hidden: [] })

const veiled = (text: string): Result.Result<Filled, string> =>
  Result.succeed({ text, hidden: isFolder(text) ? [] : [text] })

const isFolder = (text: string): boolean =>
  // only in a folder there is `.`
  isAbsolute(text) && existsSync(`${text}/.`)

const placeOf = (name: string, folder: string, home: string): string => {
  switch (name) {
    case "workspaceFolder":
      return folder
    case "workspaceFolderBasename":
      return basename(folder)
    case "userHome":
      return home
    default:
      return sep
  }
}

const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

const secret = (name: string): Value =>
  Effect.flatMap(Secrets.Secrets, ({ get }) =>
    Effect.map(Effect.result(get(name)), (value) =>
      Result.isSuccess(value) ? veiled(value.success) : Result.fail(value.failure.message)
    )
  )

/** What the configuration says, a secret of its name for one that is secret, its default. */
const inputOf =
  ({ asked, inputs }: Options, fill: Fill) =>
  (name: string): Value =>
    Effect.gen(function* () {
      const written = Object.hasOwn(inputs, name) ? inputs[name] : undefined
      const input = asked.find(({ id }) => id === name)
      if (written !== undefined) {
        return Result.map(yield* fill(written), ({ hidden, text }) => ({
          text,
          hidden: input?.password === true ? [...hidden, text] : hidden
        }))
      }
      const variable = name.replaceAll(/\W/g, "_").toUpperCase()
      if (input?.password === true) {
        for (const one of new Set([name, variable])) {
          const value = yield* secret(one)
          if (Result.isSuccess(value)) return value
        }
      }
      if (input?.otherwise !== undefined) return open(input.otherwise)
      const remedy = input?.password === true ? `, or there may be a secret ${variable}` : ""
      return Result.fail(`the input "${name}" has no value; \`mcp.inputs\` in the configuration may give one${remedy}`)
    })
