/**
 * The least that a durable engine does, and no more: no engine of ours, but what there is to reach on this machine. A
 * row for the run with its definition, a row for each finished step with its output, the run's end. A step begins once
 * the rows of what it waits for are committed; all that finishes before the next `setImmediate` shares a commit.
 */
import { DatabaseSync } from "node:sqlite"
import type { Options, Shape, Subject } from "./Subject.ts"

export const open = ({ durability, filename, hit }: Options): Subject => {
  const db = new DatabaseSync(filename)
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"};
    CREATE TABLE run(id INTEGER PRIMARY KEY, status TEXT, definition TEXT, output TEXT, at INT);
    CREATE TABLE step(run INT, name TEXT, status TEXT, output TEXT, at INT, PRIMARY KEY(run, name)) WITHOUT ROWID`)
  const begin = db.prepare("BEGIN IMMEDIATE")
  const commit = db.prepare("COMMIT")
  const insertRun = db.prepare("INSERT INTO run VALUES(?, 'running', ?, NULL, ?)")
  const insertStep = db.prepare("INSERT INTO step VALUES(?, ?, 'done', ?, ?)")
  const endRun = db.prepare("UPDATE run SET status = 'done', output = ?, at = ? WHERE id = ?")

  let writes: Array<() => void> = []
  let releases: Array<() => void> = []
  let due = false
  const flush = () => {
    const [write, release] = [writes, releases]
    writes = []
    releases = []
    due = false
    begin.run()
    for (const one of write) one()
    commit.run()
    for (const one of release) one()
  }
  const post = (write: () => void, then: () => void) => {
    writes.push(write)
    releases.push(then)
    if (due) return
    due = true
    setImmediate(flush)
  }

  let runs = 0
  const run = ({ dependents, names, waiting }: Graph) =>
    new Promise<void>((resolve) => {
      const id = ++runs
      const open = Int32Array.from(waiting)
      let left = names.length
      const begun = async (step: number) => {
        const output = await work()
        post(
          () => insertStep.run(id, names[step]!, JSON.stringify(output), Date.now()),
          () => over(step)
        )
      }
      const over = (step: number) => {
        for (const next of dependents[step]!) if (--open[next]! === 0) void begun(next)
        if (--left === 0) post(() => endRun.run(`{"ok":true}`, Date.now(), id), resolve)
      }
      post(
        () => insertRun.run(id, JSON.stringify([names, waiting]), Date.now()),
        () => waiting.forEach((count, step) => count === 0 && void begun(step))
      )
    })
  const work = async () => {
    hit()
    return { ok: true }
  }
  return {
    ready: async (shape, size) => {
      const made = graph(shape, size)
      return () => run(made)
    },
    whole: (shape, size) => run(graph(shape, size)),
    close: async () => db.close()
  }
}

// internal

interface Graph {
  readonly names: ReadonlyArray<string>
  /** Of each step: how many it waits for. */
  readonly waiting: ReadonlyArray<number>
  readonly dependents: ReadonlyArray<ReadonlyArray<number>>
}

const graph = (shape: Shape, size: number): Graph => {
  const names = Array.from({ length: size }, (_, i) => `s${i}`)
  if (shape === "chain") {
    return {
      names,
      waiting: names.map((_, i) => (i === 0 ? 0 : 1)),
      dependents: names.map((_, i) => (i === size - 1 ? [] : [i + 1]))
    }
  }
  const join = size + 1
  return {
    names: [...names, "source", "join"],
    waiting: [...names.map(() => 1), 0, size],
    dependents: [...names.map(() => [join]), names.map((_, i) => i), []]
  }
}
