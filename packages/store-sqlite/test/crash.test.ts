/** `kill -9` in the middle of a run, with real processes: `resume` finishes it, and nothing that was recorded runs again. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const program = join(import.meta.dirname, "fixtures/crash.ts")

interface Ended {
  readonly run: string | undefined
  readonly answer: { readonly status: string; readonly outputs: unknown } | undefined
}

const folder = mkdtempSync(join(tmpdir(), "gleitzeit-crash-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the program; with `kill`, kills it that many milliseconds after the run was created. */
const start = (args: ReadonlyArray<string>, kill?: number): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=gz-source", program, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, "compiled") }
    })
    let out = ""
    let timer: NodeJS.Timeout | undefined
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
      if (kill !== undefined && out.includes("\n")) timer ??= setTimeout(() => child.kill("SIGKILL"), kill)
    })
    child.on("error", reject)
    child.on("exit", () => {
      clearTimeout(timer)
      const [run, answer] = out.split("\n")
      resolve({ run: run === "" ? undefined : run, answer: answer ? JSON.parse(answer) : undefined })
    })
  })

/** Paths whose outcome stands in the journal. */
const recorded = (filename: string): ReadonlySet<string> => {
  const db = new DatabaseSync(filename)
  try {
    const rows = db.prepare("SELECT json FROM events WHERE kind = 'TaskCompleted'").all()
    return new Set(rows.map(({ json }) => JSON.parse(String(json)).task))
  } finally {
    db.close()
  }
}

const started = (log: string): ReadonlyArray<string> =>
  existsSync(log)
    ? readFileSync(log, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => line.replace("start ", ""))
    : []

describe("kill -9", () => {
  it("at 20 random moments loses nothing and runs nothing twice that was recorded", { timeout: 120_000 }, async () => {
    const whole = await start([join(folder, "whole.db"), join(folder, "whole.log")])
    assert.strictEqual(whole.answer?.status, "completed")
    let killed = 0
    const once = async (i: number) => {
      const db = join(folder, `${i}.db`)
      const log = join(folder, `${i}.log`)
      const { answer, run } = await start([db, log], Math.random() * 90)
      assert.isDefined(run)
      if (answer === undefined) killed++
      const before = recorded(db)
      writeFileSync(log, "")
      const resumed = await start([db, log, run ?? ""])
      assert.deepStrictEqual(resumed.answer, whole.answer)
      const after = new Set(started(log))
      assert.deepStrictEqual(
        [...after].filter((path) => before.has(path)),
        [],
        "recorded before the kill, and run again"
      )
      assert.strictEqual(before.size + after.size, 30)
    }
    for (let i = 0; i < 20; i += 2) await Promise.all([once(i), once(i + 1)])
    assert.isAbove(killed, 10, "most kills hit a run under way")
  })
})
