/**
 * Attempts to get out of the sandbox. Each is made by a task at each level that promises security; and once without a
 * sandbox, in namespaces made for that alone, to see that it is one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync
} from "node:fs"
import { writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { levels, missing, why } from "./LevelsHere.ts"
import { execute, failure, value } from "./Tasks.ts"

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/escape/${name}`, import.meta.url))
const source = readFileSync(fixture("attempts.py"), "utf8")

const attempts = [...source.matchAll(/^def (\w+)\(world\):\n {4}"""(.*)"""$/gm)].map(([, name = "", title = ""]) => ({
  name,
  title
}))

const kept = mkdtempSync(join(tmpdir(), "gleitzeit-escape-"))
const folder = join(kept, "folder")
const theirs = join(kept, "theirs")
const signals = join(folder, "signals")
const servers: Array<Server> = []
const noteSignal = () => appendFileSync(signals, "x")

const world = (): Schema.JsonObject => {
  const address = servers[0]?.address()
  return {
    folder,
    theirs,
    secret: join(folder, "secret"),
    engine: process.pid,
    port: typeof address === "object" && address !== null ? address.port : 0,
    socket: join(kept, "socket"),
    abstract: `escape-${process.pid}`,
    tasks: socketsOfTasks()
  }
}

const socketsOfTasks = () =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith("gleitzeit-python-"))
    .map((name) => join(tmpdir(), name, "tasks"))
    .filter((path) => existsSync(path))

beforeAll(async () => {
  for (const path of [folder, theirs]) mkdirSync(path)
  for (const name of ["secret", "spare", "other"]) writeFileSync(join(folder, name), "secret")
  writeFileSync(join(theirs, "kept"), "kept")
  writeFileSync(signals, "")
  process.on("SIGCONT", noteSignal)
  for (const place of [
    { host: "127.0.0.1", port: 0 },
    { path: join(kept, "socket") },
    { path: `\0escape-${process.pid}` }
  ]) {
    const server = createServer((socket) => socket.destroy())
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(place, resolve))
  }
})

afterAll(() => {
  process.off("SIGCONT", noteSignal)
  for (const server of servers) server.close()
  rmSync(kept, { recursive: true, force: true })
})

/** How the sandbox says no: not how a broken attempt fails. */
const refusals = ["PermissionError", "OSError", "BlockingIOError", "MemoryError"]

/** One ends the process, when it is held back. */
const deadly = "calls_as_a_32_bit_program"

const together = `${source}
result = outcomes(args)`

const make = (level: string, names: ReadonlyArray<string>) =>
  value(together, { args: { names, world: world() }, sandbox: level, max_memory: "256M" })

for (const level of levels) {
  describe.skipIf(missing[level] !== null)(`no task at ${level}${why(missing[level])}`, () => {
    let outcomes: Schema.JsonObject = {}

    beforeAll(() =>
      Effect.gen(function* () {
        // it brings the socket of all tasks into being
        yield* value("pass", { sandbox: level })
        const names = attempts.map(({ name }) => name).filter((name) => name !== deadly)
        // Safe: that is what the code sets.
        outcomes = (yield* make(level, names)) as Schema.JsonObject
      }).pipe(Effect.runPromise)
    )

    it.each(attempts.filter(({ name }) => name !== deadly))("$title", ({ name }) => {
      const { type } = outcomes[name] as { readonly type?: string }
      // others are not there at all
      const absent = level === "ns" ? ["FileNotFoundError", "ProcessLookupError"] : []
      assert.isTrue([...refusals, ...absent].includes(type ?? ""), JSON.stringify(outcomes[name]))
    })

    it.live.skipIf(process.arch !== "x64")("calls the kernel as a 32-bit program, and lives on", () =>
      Effect.gen(function* () {
        const { data } = yield* failure(make(level, [deadly]))
        assert.deepInclude(data, { type: "Crashed", signal: "SIGSYS" })
      })
    )
  })
}

describe.skipIf(missing.strict !== null)("a list of modules", () => {
  it.live("is passed by, and the level holds", () =>
    Effect.gen(function* () {
      for (const [code, type] of [
        ["import os", "ImportError"],
        [`import json\njson.codecs.builtins.__import__("sys").modules["os"].listdir(args)`, "PermissionError"]
      ] as const) {
        const task = execute({ code, args: folder, allowed_modules: ["json"], sandbox: "strict" })
        assert.deepInclude((yield* failure(task)).data, { type }, code)
      }
    })
  )
})

describe("what the attempts were made on", () => {
  it("is as it was", () => {
    assert.deepStrictEqual(readdirSync(folder).sort(), ["other", "secret", "signals", "spare"])
    for (const name of ["other", "secret", "spare"])
      assert.strictEqual(readFileSync(join(folder, name), "utf8"), "secret")
    assert.strictEqual(readFileSync(signals, "utf8"), "")
    assert.isFalse(existsSync("/dev/shm/escaped"))
  })
})

/** By attempt null when it got through, or what the kernel lacks for it, or what went wrong. */
type Outcome = { readonly lacking: string } | { readonly failed: string } | null

const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "--mount-proc"]
const asRoot = ["--user", "--map-root-user"]

const withoutSandbox = (options: ReadonlyArray<string>, ...chosen: ReadonlyArray<string>): Record<string, Outcome> => {
  const place = mkdtempSync(join(kept, "control-"))
  const mounts = readlinkSync("/proc/self/ns/mnt")
  const program = ["python3", "-B", fixture("control.py"), mounts, place, ...chosen]
  return JSON.parse(execFileSync("unshare", [...options, ...program], { encoding: "utf8", timeout: 60_000 }))
}

const noNamespaces = (): string | null => {
  const tried = spawnSync("unshare", [...asRoot, ...namespaces, "true"], { encoding: "utf8" })
  return tried.status === 0 ? null : (tried.error?.message ?? tried.stderr.trim())
}

const impossible = noNamespaces()
describe.skipIf(impossible !== null)(`without a sandbox, in namespaces of its own, a task${why(impossible)}`, () => {
  let outcomes: Record<string, Outcome> = {}

  beforeAll(() => {
    outcomes = withoutSandbox([...asRoot, ...namespaces])
    // one that no user namespace is enough for
    const needsRoot = "loads_a_program_into_the_kernel"
    if (process.getuid?.() === 0) outcomes = { ...outcomes, ...withoutSandbox(namespaces, needsRoot) }
  })

  it.for(attempts)("$title", ({ name }, { skip }) => {
    const outcome = outcomes[name]
    if (outcome !== null && outcome !== undefined && "lacking" in outcome) skip(outcome.lacking)
    assert.isNull(outcome, JSON.stringify(outcome))
  })
})

describe("the channel of a task", () => {
  const frames = `import json, os
def say(frame, size=None):
    data = json.dumps(frame).encode()
    os.write(4, (len(data) if size is None else size).to_bytes(4, "big") + data)
`

  it.live("says once how it ended: what comes after counts for nothing", () =>
    Effect.gen(function* () {
      const code = `${frames}say({"_tag": "Done", "result": 1})\nsay({"_tag": "Done", "result": 2})\nresult = 3`
      assert.strictEqual(yield* value(code), 1)
    })
  )

  it.live("fails the task that says what is no report, or too much", () =>
    Effect.gen(function* () {
      for (const said of [
        `say({"_tag": "Exited", "task": 1, "code": 0, "rss": 1})`,
        `say({"_tag": "Progress", "fraction": "all"})`,
        `say([], size=0x7fffffff)`,
        `say({"_tag": "Done"}, size=1)`,
        `say({"_tag": "Failed", "type": "Error", "message": "x" * 1_000_000})`,
        `say({"_tag": "Progress", "message": "x" * 1_000_000})`
      ]) {
        const { message } = yield* failure(execute({ code: `${frames}${said}\nresult = 3` }))
        assert.include(message, "file descriptor 4, which is not its own", said)
      }
    })
  )
})

describe.skipIf(process.platform !== "linux")("what a task was given", () => {
  /** Looks for two halves that follow each other, so as not to find what it looks for in its own words. */
  const search = `import re
first, second = args["first"].encode(), args["second"].encode()
result = False
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        start, end, kind = re.match(r"(\\w+)-(\\w+) (\\S+)", line).groups()
        if not kind.startswith("rw"):
            continue
        memory.seek(int(start, 16))
        try:
            held = memory.read(int(end, 16) - int(start, 16))
        except OSError:
            continue
        at = held.find(first)
        while at >= 0:
            result = result or held[at + len(first):][:len(second)] == second
            at = held.find(first, at + 1)
        del held
`
  const secret = { first: "gone-with-", second: "its-task" }
  const whole = `${secret.first}${secret.second}`

  it.live("is not in the memory that the next one begins with", () =>
    Effect.gen(function* () {
      yield* value("result = len(args)", { args: whole, env: { SECRET: whole }, stdin: whole })
      yield* value(`result = len("${whole}")`)
      assert.isFalse(yield* value(search, { args: secret }))
      // the search does find what is there
      assert.isTrue(yield* value(search, { args: secret, env: { SECRET: whole } }))
    })
  )
})
