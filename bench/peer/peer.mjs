// Gleitzeit on node:sqlite, as the one-file program of bench/dist (`npm run bench` builds it). Variants: `process` (WAL NORMAL:
// survives kill -9) and `power` (FULL: survives power loss), each with the document read and checked before the clock and
// one document for all runs; `process-whole` and `power-whole`: an object a run, written and checked inside the clock.
// Persists: the document, an event a finished task (result, times, attempt), the run's end. Strict: a task begins once
// the results it waits for are committed. Inside the clock: plan, references resolved, params decoded, handler, result
// encoded, outputs read back.
import { statSync } from "node:fs"
import { join } from "node:path"

const { open } = await import(new URL("../dist/engine.js", import.meta.url).href)

export default async ({ dir, hit, kase, n, variant = "power" }) => {
  const [durability, whole] = variant.split("-")
  const filename = join(dir, "gleitzeit.db")
  const engine = await open({ filename, durability, hit })
  const checked = new Map()
  const ready = (shape, size) => {
    const key = `${shape} ${size}`
    if (!checked.has(key)) checked.set(key, engine.ready(shape, size))
    return checked.get(key)
  }
  const run = async (shape, size) => (whole === undefined ? (await ready(shape, size))() : engine.whole(shape, size))

  if (whole === undefined) {
    if (kase === "fan") await ready("fan", n)
    else if (kase === "many") await ready("chain", 3)
    else await ready("chain", kase === "latency" || kase === "cold" ? 1 : n)
  }
  return {
    chain: (size) => run("chain", size),
    fan: (size) => run("fan", size),
    many: (runs, size) => Promise.all(Array.from({ length: runs }, () => run("chain", size))),
    once: () => run("chain", 1),
    diskMb: () =>
      [filename, `${filename}-wal`].reduce(
        (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
        0
      ) /
      2 ** 20,
    close: () => engine.close()
  }
}
