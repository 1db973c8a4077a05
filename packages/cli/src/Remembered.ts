/** What plug-ins have said of themselves, in files beside the default database. They may be deleted at any time. */
import type { PluginMemory } from "@gleitzeit/core"
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** Where nothing can be written nothing is remembered. */
export const inFolder = (data: string): PluginMemory.PluginMemory => {
  const fileOf = (id: string) => join(data, "plugins", `${id}.json`)
  return {
    read: (id) => {
      try {
        return readFileSync(fileOf(id), "utf8")
      } catch {
        return undefined
      }
    },
    write: (id, text) => {
      const file = fileOf(id)
      try {
        mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
        const whole = `${file}.${process.pid}`
        writeFileSync(whole, text, { mode: 0o600 })
        // whoever reads meanwhile finds the one or the other, whole
        renameSync(whole, file)
      } catch {
        // asked again next time
      }
    }
  }
}
