/**
 * Where recordings lie: a folder for each method, a file for each call and place. A file is written whole or not at all,
 * so that many processes can record into one folder at once. One of the files of core that touch the machine.
 */
import { Effect, Result, Schema } from "effect"
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import type { Contract } from "./Contract.ts"
import { RecordingUnusable } from "./Errors.ts"
import { canonical, sha256 } from "./Hash.ts"
import * as ReplayRecording from "./ReplayRecording.ts"
import type { Recording } from "./ReplayRecording.ts"
import * as ReplayRequest from "./ReplayRequest.ts"

/** A recording that is there. */
export interface Entry {
  /** Inside the folder: `llm-chat/research.0f3c….json`. */
  readonly name: string
  readonly key: string
  /** Of the task and the attempt. */
  readonly place: string
}

/** What calls of a provider are checked by, and what others know of it, where it is not there. */
export interface Duty {
  readonly provider: string
  /** Its place among those on duty, from 0. */
  readonly order: number
  readonly contracts: ReadonlyArray<Contract>
}

/** Of where in a run a call is made. */
export const placeOf = ({ attempt, task }: { readonly task: string; readonly attempt: number }): string =>
  sha256(canonical([task, attempt])).slice(0, 8)

export class ReplayFolder {
  /** As messages name it. */
  readonly shown: string
  readonly #path: string
  /** By folder of a method. Others may write too: what they do is seen by the next process. */
  readonly #entries = new Map<string, Array<Entry>>()
  readonly #kept = new Map<string, string>()

  constructor(path: string) {
    this.#path = path
    this.shown = shown(path)
  }

  /** Of the method, in the order of their names. What is no recording by its name is left out. */
  entries(method: string): Effect.Effect<ReadonlyArray<Entry>, RecordingUnusable> {
    return Effect.suspend(() => {
      const folder = slug(method)
      const known = this.#entries.get(folder)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.map(this.#list(folder), (names) => {
        const entries = names.flatMap((name): ReadonlyArray<Entry> => {
          const [, key, place] = /\.([0-9a-f]{16})\.([0-9a-f]{8})\.json$/.exec(name) ?? []
          return key === undefined || place === undefined ? [] : [{ name: `${folder}/${name}`, key, place }]
        })
        this.#entries.set(folder, entries)
        return entries
      })
    })
  }

  read({ key, name }: Entry): Effect.Effect<Recording, RecordingUnusable> {
    const path = join(this.#path, name)
    return Effect.flatMap(
      attempt(path, () => readFileSync(path, "utf8")),
      (text) => Effect.fromResult(ReplayRecording.read(text, shown(path), key))
    )
  }

  /** As messages name it. */
  name({ name }: Entry): string {
    return shown(join(this.#path, name))
  }

  /** In place of what was recorded for the same call at the same place. */
  write(recording: Recording): Effect.Effect<Entry, RecordingUnusable> {
    return Effect.gen({ self: this }, function* () {
      const key = ReplayRequest.keyOf(recording)
      const place = placeOf(recording)
      const entries = yield* this.entries(recording.method)
      const former = entries.find((one) => one.key === key && one.place === place)
      const folder = slug(recording.method)
      const entry = former ?? { name: `${folder}/${slug(recording.task)}.${key}.${place}.json`, key, place }
      yield* this.#put(entry.name, ReplayRecording.write(recording))
      if (former === undefined) this.#entries.set(folder, [...(this.#entries.get(folder) ?? []), entry])
      return entry
    })
  }

  /** Fails when nothing can be written here. */
  prepare(method: string): Effect.Effect<void, RecordingUnusable> {
    const path = join(this.#path, slug(method))
    return attempt(path, () => void mkdirSync(path, { recursive: true }))
  }

  keep(duty: Duty): Effect.Effect<void, RecordingUnusable> {
    return Effect.suspend(() => {
      const { contracts, order, provider } = duty
      const text = `${JSON.stringify({ provider, order, contracts: contracts.map((one) => ({ ...one })) }, null, 2)}\n`
      if (this.#kept.get(provider) === text) return Effect.void
      const done = this.#put(`${dutiesFolder}/${slug(provider)}.json`, text)
      return Effect.map(done, () => void this.#kept.set(provider, text))
    })
  }

  /** In order. */
  get duties(): Effect.Effect<ReadonlyArray<Duty>, RecordingUnusable> {
    return Effect.gen({ self: this }, function* () {
      const found: Array<Duty> = []
      for (const name of yield* this.#list(dutiesFolder)) {
        if (!name.endsWith(".json")) continue
        const path = join(this.#path, dutiesFolder, name)
        const duty = decode(yield* attempt(path, () => readFileSync(path, "utf8")))
        if (Result.isFailure(duty)) {
          const issue = `it holds no contracts: ${duty.failure.message}; remove it and record again`
          return yield* new RecordingUnusable({ file: shown(path), issue })
        }
        found.push(duty.success)
      }
      return found.toSorted((a, b) => a.order - b.order)
    })
  }

  // internal

  /** What is not there holds nothing, and so does what is no folder. */
  #list(folder: string): Effect.Effect<ReadonlyArray<string>, RecordingUnusable> {
    const path = join(this.#path, folder)
    return attempt(path, () => {
      try {
        return readdirSync(path).toSorted()
      } catch (error) {
        const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
        if (code === "ENOENT" || code === "ENOTDIR") return []
        throw error
      }
    })
  }

  /** Under another name first: whoever reads meanwhile finds the old one or the whole. */
  #put(name: string, text: string): Effect.Effect<void, RecordingUnusable> {
    const path = join(this.#path, name)
    return attempt(path, () => {
      mkdirSync(join(path, ".."), { recursive: true })
      const own = `${path}.${process.pid}.${written++}.tmp`
      try {
        writeFileSync(own, text, { mode: 0o600 })
        renameSync(own, path)
      } catch (error) {
        rmSync(own, { force: true })
        throw error
      }
    })
  }
}

// internal

/** No method has this name: one has a slash. */
const dutiesFolder = "contracts"

/** Files of this process, so that no two have one name while they are written. */
let written = 0

/** A name for a file, on every system. */
const slug = (text: string): string =>
  text
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^\.+/, "-")
    .slice(0, 60) || "-"

const shown = (path: string): string => {
  const short = relative(".", path)
  return short === "" || short.startsWith("..") ? path : short
}

const attempt = <A>(file: string, run: () => A): Effect.Effect<A, RecordingUnusable> =>
  Effect.try({
    try: run,
    catch: (error) =>
      new RecordingUnusable({ file: shown(file), issue: error instanceof Error ? error.message : String(error) })
  })

const decode = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      provider: Schema.NonEmptyString,
      order: Schema.Int,
      contracts: Schema.Array(
        Schema.Struct({
          protocol: Schema.NonEmptyString,
          method: Schema.NonEmptyString,
          description: Schema.String,
          effects: Schema.Literals(["reads", "writes"]),
          params: Schema.Record(Schema.String, Schema.Json),
          result: Schema.Record(Schema.String, Schema.Json),
          deprecated: Schema.optionalKey(Schema.String),
          examples: Schema.optionalKey(Schema.Array(Schema.Struct({ params: Schema.Json, result: Schema.Json }))),
          provider: Schema.optionalKey(Schema.String)
        })
      )
    })
  )
)
