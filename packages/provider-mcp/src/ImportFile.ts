/** A file of another program that names servers, as it is: nothing in it is filled in. */
import { ConfigFile } from "@gleitzeit/core"
import { Effect, Result, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { extname } from "node:path"
import * as CommentedJson from "./CommentedJson.ts"
import * as Dialects from "./Dialects.ts"
import * as TextFile from "./TextFile.ts"

/**
 * JSON with comments, or YAML. `name`: as messages have it; `folder`: the project's, absolute. The failure names the
 * place and quotes no value.
 */
export const read = (path: string, name: string, folder: string): Result.Result<Dialects.Document, string> => {
  const text = TextFile.read(path)
  if (Result.isFailure(text)) return Result.fail(`${name}: ${text.failure}`)
  const value = [".yaml", ".yml"].includes(extname(path)) ? yaml(text.success, name) : json(text.success, name)
  if (Result.isFailure(value)) return Result.fail(value.failure)
  return Result.mapError(Dialects.read(value.success, folder), (issue) => `${name}: ${issue}`)
}

// internal

const json = (text: string, name: string): Result.Result<Schema.Json, string> =>
  Result.mapBoth(Effect.runSync(Effect.result(ConfigFile.parseJson(CommentedJson.plain(text), name))), {
    onFailure: ({ message }) => message,
    // Safe: what stood in JSON is JSON.
    onSuccess: (value) => (value ?? null) as Schema.Json
  })

const isJson = Schema.is(Schema.Json)

const yaml = (text: string, name: string): Result.Result<Schema.Json, string> => {
  const parsed = Result.try({ try: (): unknown => Yaml.parse(text), catch: () => `${name}: is no YAML` })
  return Result.flatMap(parsed, (value) => (isJson(value) ? Result.succeed(value) : Result.fail(`${name}: is no JSON`)))
}
