/** Which process a container belongs to, in labels that tell after its death that it is dead. Linux. */
import { Effect } from "effect"
import { readFileSync, readlinkSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, resolve } from "node:path"
import { pid } from "node:process"
import type { Engine, Listed } from "./ContainerEngine.ts"

/** Of all containers that are ours, by whichever process. */
export const label = { name: "dev.gleitzeit", value: "python" } as const

/** `folder`: what is to be removed with the container. */
export const labels = (folder: string): { readonly [name: string]: string } => ({
  [label.name]: label.value,
  [spaceLabel]: space(),
  [ownerLabel]: `${pid} ${birth(pid) ?? ""}`,
  [folderLabel]: folder
})

/** Removes what processes have left behind that are no more. */
export const sweep = (engine: Engine): Effect.Effect<void> =>
  Effect.ignore(
    Effect.flatMap(engine.list(`${label.name}=${label.value}`), (all) =>
      Effect.forEach(all.filter(isOrphan), (orphan) => Effect.ignore(removed(engine, orphan)), {
        concurrency: "unbounded",
        discard: true
      })
    )
  )

/** Whether its process is gone. One of another machine or another process namespace is not known to be. */
export const isOrphan = ({ labels }: Listed): boolean => {
  const [number = "", born = ""] = (labels[ownerLabel] ?? "").split(" ")
  const known = labels[label.name] === label.value && /^\d+$/.test(number) && born !== ""
  return known && labels[spaceLabel] === space() && birth(Number(number)) !== born
}

// internal

const ownerLabel = `${label.name}.owner`
const spaceLabel = `${label.name}.space`
const folderLabel = `${label.name}.folder`

/** Where process numbers mean the same: this start of the machine, and this namespace. */
const space = (): string =>
  `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`

/** When it began, in ticks of the machine: its number may be another's by now. */
const birth = (process: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8")
    // the name stands in brackets and may hold anything
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}

const removed = (engine: Engine, { id, labels }: Listed) => {
  const folder = labels[folderLabel]
  // labels are anybody's words
  const isOurs =
    folder !== undefined && dirname(resolve(folder)) === tmpdir() && basename(folder).startsWith("gleitzeit-python-")
  const gone = engine.remove(id)
  return isOurs
    ? Effect.andThen(
        gone,
        Effect.tryPromise(() => rm(folder, { recursive: true, force: true }))
      )
    : gone
}
