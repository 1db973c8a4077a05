/** Secrets that the configuration looks for in files, such as those of Docker and Kubernetes. */
import { Errors, Secrets, type Settings } from "@gleitzeit/core"
import { Effect, type Layer } from "effect"
import { readFileSync, statSync } from "node:fs"

/** From where the settings say, else from the environment. */
export const layer = ({ secrets }: Pick<Settings.Settings, "secrets">): Layer.Layer<Secrets.Secrets> =>
  Secrets.layerSources(Object.fromEntries(Object.entries(secrets).map(([name, { value }]) => [name, value])), read)

/** At most 64 KiB of a regular file. No message holds what stands in it. */
export const read = (file: string): Effect.Effect<Secrets.SecretFile, Errors.FileUnreadable> =>
  Effect.suspend(() => {
    const refuse = (reason: Errors.FileUnreadable["reason"], detail: string) =>
      Effect.fail(new Errors.FileUnreadable({ file, reason, detail }))
    try {
      const found = statSync(file, { throwIfNoEntry: false })
      if (found === undefined) return refuse("missing", "there is no such file")
      if (!found.isFile()) return refuse("unreadable", "is no regular file")
      if (found.size > largest)
        return refuse("too large", `has ${found.size} bytes, more than the ${largest} of a secret`)
      const open = process.platform !== "win32" && (found.mode & 0o077) !== 0
      return Effect.succeed({ text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file)), open })
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
      if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return refuse("unreadable", "is not text in UTF-8")
      return refuse("unreadable", code === "EACCES" ? "may not be read by this user" : `cannot be read (${code})`)
    }
  })

// internal

const largest = 65_536
