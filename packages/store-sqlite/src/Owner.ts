/**
 * A process as an owner of runs: `host:boot:pid:start`. On the host that made the id it can be told whether the process
 * still lives, so that what a killed one was driving is free at once instead of when its lease ends.
 */
import { Effect } from "effect"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

/** This process. */
export const current: Effect.Effect<string> = Effect.sync(() =>
  [...place(), process.pid, startOf(process.pid)].join(":")
)

/**
 * False when the owner is a process of this host that is gone. True for one of another host or an earlier boot, and for
 * an id of another form: those keep their runs until their lease ends. Where there is no `/proc`, a process that got
 * the number of a dead one is taken for it.
 */
export const isAlive = (owner: string): boolean => {
  const [host, boot, pid, start, ...rest] = owner.split(":")
  const [ourHost, ourBoot] = place()
  if (host !== ourHost || boot !== ourBoot || start === undefined || rest.length > 0) return true
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number <= 0) return true
  return isRunning(number) && (start === unknown || startOf(number) === start)
}

// internal

const unknown = "-"

/** Where process numbers mean something: host and boot, on Linux also the namespace (a container counts its own). */
const place = (): readonly [host: string, boot: string] => {
  const boot = text(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
  const namespace = text(() => readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, ""))
  return [hostname().replaceAll(":", "-"), boot === unknown ? unknown : `${boot}.${namespace}`]
}

/** In clock ticks since the boot: the 22nd field, counted behind the name, which may hold anything. */
const startOf = (pid: number): string =>
  text(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? unknown
  })

const text = (read: () => string): string => {
  try {
    return read()
  } catch {
    return unknown
  }
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // somebody else's process answers EPERM
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH")
  }
}
