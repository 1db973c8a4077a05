/**
 * Where the time of a case goes, from source: what each part takes by itself, and which functions. Inside the clock only,
 * after the same small warm-up as in `one.ts`. Samples each 100 µs.
 *
 *     node --conditions=gz-source bench/profile.ts CASE [process|power] [FUNCTIONS]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { Session } from "node:inspector/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Case, cases, small } from "./Cases.ts"
import * as Engine from "./Engine.ts"
import { number, table } from "./Report.ts"

const [name = "chain 1000", durability = "process", functions = "30"] = process.argv.slice(2)
const of = cases.find((one) => one.name.startsWith(name))
if (of === undefined) throw new Error(`there is no case "${name}" (${cases.map((one) => one.name).join(", ")})`)

const sqlite = new Set(["run", "get", "all", "exec", "prepare"])

/** Whose code a sample is in. SQLite's functions have no file. */
const part = (url: string, name: string): string => {
  if (name === "(garbage collector)") return "garbage collection"
  if (name === "(program)" || name === "(root)") return "Node and V8"
  if (url.includes("/packages/store-sqlite/")) return "store-sqlite"
  if (url.includes("/packages/core/")) return "core"
  if (url.includes("/effect/")) return "effect"
  if (url.includes("/bench/")) return "bench"
  // what V8 has built in, JSON among it, counts for whoever calls it
  return sqlite.has(name) && url === "" ? "SQLite" : "Node and V8"
}

const run = async (engine: Engine.Engine, { fresh, inTurn, runs = 1, shape, size }: Case) => {
  const goes = [await engine.ready(shape, size)]
  while (goes.length < runs) goes.push(fresh === true ? await engine.ready(shape, size) : goes[0]!)
  return async () => {
    if (inTurn !== true) return void (await Promise.all(goes.map((go) => go())))
    for (const go of goes) await go()
  }
}

const folder = mkdtempSync(join(tmpdir(), "gleitzeit-profile-"))
const engine = await Engine.open({
  filename: join(folder, "bench.db"),
  durability: durability === "power" ? "power" : "process",
  hit: () => {}
})
await (
  await run(engine, small(of))
)()
const go = await run(engine, of)
const session = new Session()
session.connect()
await session.post("Profiler.enable")
await session.post("Profiler.setSamplingInterval", { interval: 100 })
await session.post("Profiler.start")
const begun = performance.now()
await go()
const ms = performance.now() - begun
const { profile } = await session.post("Profiler.stop")
await engine.close()
rmSync(folder, { recursive: true, force: true })

const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
const parents = new Map(profile.nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id])))
const parts = new Map<string, number>()
const selves = new Map<string, number>()
const totals = new Map<string, number>()
const behalf = new Map<string, number>()
const add = (map: Map<string, number>, key: string, value: number) => map.set(key, (map.get(key) ?? 0) + value)
let sum = 0
for (const [i, id] of (profile.samples ?? []).entries()) {
  const frame = nodes.get(id)?.callFrame
  if (frame === undefined || frame.functionName === "(idle)" || frame.url.startsWith("node:inspector")) continue
  const delta = (profile.timeDeltas?.[i] ?? 0) / 1000
  sum += delta
  add(parts, part(frame.url, frame.functionName), delta)
  const seen = new Set<string>()
  let caller: string | undefined
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const { functionName, lineNumber, url } = nodes.get(at)!.callFrame
    const label = `${part(url, functionName)}: ${functionName || "(nameless)"} ${url.split("/").at(-1)}:${lineNumber + 1}`
    if (at === id) add(selves, label, delta)
    if (!url.includes("/packages/")) continue
    if (caller === undefined && at !== id)
      add(behalf, (caller = `${part(frame.url, frame.functionName)} for ${label}`), delta)
    caller ??= label
    if (!seen.has(label)) add(totals, label, delta)
    seen.add(label)
  }
}
const show = (title: string, map: ReadonlyMap<string, number>) => {
  const most = [...map].toSorted(([, a], [, b]) => b - a).slice(0, Number(functions))
  const rows = most.map(([name, value]) => [name, number(value), `${number((100 * value) / sum)} %`])
  console.log(`\n${table([title, "ms", ""], rows)}`)
}
console.log(`${of.name}, ${durability}: ${number(ms)} ms, of which ${number(sum)} ms busy`)
show("part, by itself", parts)
show("function, by itself", selves)
show("spent elsewhere, by who of ours called it last", behalf)
show("function of ours, with what it calls", totals)
