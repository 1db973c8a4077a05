import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { place } from "./command.ts"

/** One that says on standard error why it ends, and leaves a file where it was started. */
const project = Effect.gen(function* () {
  const made = yield* place()
  made.file(
    "server.mjs",
    `import { writeFileSync } from "node:fs"
writeFileSync(new URL("started", import.meta.url), "")
process.stderr.write("no key was given\\n")
process.exit(3)
`
  )
  const config = made.file(
    "gleitzeit.config.yaml",
    `store: "memory:"\nmcp: { servers: { s: { command: [node, "\${workspaceFolder}/server.mjs"], tool_prefix: s. } } }\n`
  )
  return {
    ...made,
    isStarted: () => existsSync(join(made.folder, "started")),
    gz: (...args: ReadonlyArray<string>) => made.gz(...args, "--config", config)
  }
})

const plain = "tasks: [{ id: a, method: data/value, params: { x: 1 } }]\noutputs: { x: '${a}' }\n"
const calling = "tasks: [{ id: a, method: mcp/tool.s.greet, params: { name: Ada } }]\n"

describe("a workflow and MCP servers", () => {
  it.live("starts none that it does not call", () =>
    Effect.gen(function* () {
      const { file, gz, isStarted } = yield* project
      const path = file("plain.yaml", plain)
      for (const command of ["check", "plan", "run"]) {
        const said = yield* gz(command, path)
        assert.strictEqual(said.exit, 0, said.stderr)
        assert.strictEqual(isStarted(), false, command)
      }
    }).pipe(Effect.scoped)
  )

  it.live("is told why a tool is not there whose server does not start", () =>
    Effect.gen(function* () {
      const { file, gz, isStarted } = yield* project
      const path = file("calling.yaml", calling)
      for (const command of ["check", "run"]) {
        const { exit, stderr } = yield* gz(command, path)
        assert.strictEqual(exit, 3)
        assert.include(stderr, 'mcp/v1 has no method "mcp/tool.s.greet"')
        assert.match(stderr, /; "mcp" is unhealthy: s is down: .*no key was given/)
      }
      assert.isTrue(isStarted())
    }).pipe(Effect.scoped)
  )

  it.live("has them when another one that it runs calls them, and when an agent may", () =>
    Effect.gen(function* () {
      const outer = "tasks: [{ id: a, workflow: inner.yaml }]\n"
      const agent = "tasks: [{ id: a, method: agent/run, params: { prompt: Hi, tools: ['**'] } }]\n"
      for (const text of [outer, agent]) {
        const { file, gz, isStarted } = yield* project
        file("inner.yaml", plain)
        yield* gz("check", file("outer.yaml", text))
        assert.isTrue(isStarted(), text)
      }
    }).pipe(Effect.scoped)
  )
})
