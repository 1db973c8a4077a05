/** `gleitzeit plan`: what it prints, and what it leaves alone. */
import { assert, describe, it } from "@effect/vitest"
import type { Forecast } from "@gleitzeit/core"
import { Effect } from "effect"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as plan from "../src/commands/plan.ts"
import * as Style from "../src/Style.ts"
import { type Place, place } from "./command.ts"
import { parse } from "./flowchart.ts"
import { golden } from "./golden.ts"

const digest = `name: Research digest
inputs:
  topic: { type: string }
  sources: { type: array, default: [tides, gulls, "no"] }
  deep: { type: boolean, default: false }
budget: { calls: 20, tokens: 5000 }
tasks:
  - id: fetch
    foreach: \${inputs.sources}
    if: item != "no"
    method: llm/generate
    params: { prompt: "About \${item} and \${inputs.topic}", max_tokens: 200 }
  - id: look closer
    if: inputs.deep
    method: llm/chat
    params: { prompt: "\${fetch.content}" }
  - id: count
    method: data/eval
    params: { expr: "size(\${fetch.content})" }
  - id: shorten
    if: count.result > 2 && inputs.topic != "tides" && size(fetch.content[0]) > 200
    repeat: { until: "size(result.content) < 100", max: 5 }
    method: llm/chat
    params: { prompt: "Shorten \${previous.content ?? fetch.content}" }
    retry: { max_attempts: 2 }
  - id: publish
    inputs: { text: "\${shorten.content ?? fetch.content}", token: "\${count.result}" }
    workflow:
      inputs: { text: {}, token: {} }
      secrets: [GZ_NO_SUCH_SECRET]
      tasks:
        - { id: sign, method: data/value, params: { text: "\${inputs.text}" } }
        - id: approve
          method: human/approve
          params: { prompt: "Publish \${sign.text} with \${secrets.GZ_NO_SUCH_SECRET}?" }
  - id: file
    method: data/value
    dependencies: [look closer]
    params: { number: "\${count.result}", by: "\${publish.approve ?? null}" }
`

const greeting = `tasks:
  - { id: hello, method: data/value, params: { text: hello } }
`

const live = (name: string, test: (place: Place) => Effect.Effect<void>, env: Record<string, string> = {}) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(place(env), test)))

/** What people read, as if the file lay in the current folder. */
const shown = (forecast: Forecast.Forecast, columns: number, style: Style.Style) => [
  ...plan.text(forecast, { columns }, style),
  "",
  ...plan.missing(forecast, "digest.yaml", { columns }, style)
]

describe("gleitzeit plan", () => {
  live("shows the tasks as a tree, the bounds, and what is missing", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("digest.yaml", digest)
      const told = yield* gz("plan", path, "--simulate", "llm", "--json")
      assert.deepStrictEqual([told.exit, told.stderr], [0, ""])
      const forecast = JSON.parse(told.stdout)
      golden("plan", shown(forecast, 80, Style.make({ color: false, unicode: true })))
      golden("plan-ascii", shown(forecast, 80, Style.make({ color: false, unicode: false })))
      golden("plan-color", shown(forecast, 120, Style.make({ color: true, unicode: true })))
      const printed = yield* gz("plan", path, "--simulate", "llm")
      assert.deepStrictEqual([printed.exit, printed.stderr], [0, ""])
      assert.strictEqual(
        printed.stdout.split("\n\n")[1],
        shown(forecast, 80, Style.make({ color: false, unicode: true }))
          .join("\n")
          .split("\n\n")[1]
      )
      for (const line of printed.stdout.split("\n")) {
        if (!line.includes(path)) assert.isAtMost(line.length, 80, line)
      }
    })
  )

  live("--mermaid prints a flowchart, and says beside it what is missing", ({ file, gz }) =>
    Effect.gen(function* () {
      const told = yield* gz("plan", file("digest.yaml", digest), "--simulate", "llm", "--mermaid")
      assert.strictEqual(told.exit, 0)
      golden("plan-mermaid", told.stdout.trimEnd().split("\n"))
      const { labels, subgraphs } = parse(told.stdout)
      assert.strictEqual(labels.size, 8)
      assert.deepStrictEqual([...subgraphs.values()], [["t4_0", "t4_1"]])
      assert.match(told.stderr, /^! input topic .*digest\.yaml:3:\d+/s)
      const quiet = yield* gz("plan", "-q", file("digest.yaml", digest), "--simulate", "llm", "--mermaid")
      assert.deepStrictEqual([quiet.stdout, quiet.stderr], [told.stdout, ""])
    })
  )

  live("--json prints one document of this shape", ({ file, gz }) =>
    Effect.gen(function* () {
      const { stdout } = yield* gz("plan", file("digest.yaml", digest), "-i", "topic=x", "--simulate", "llm", "--json")
      const told = JSON.parse(stdout)
      assert.deepStrictEqual(Object.keys(told), [
        "ok",
        "file",
        "workflow",
        "tasks",
        "steps",
        "bounds",
        "budget",
        "missing",
        "diagnostics"
      ])
      assert.isFalse(told.ok)
      assert.deepStrictEqual(Object.keys(told.bounds), ["calls", "input_tokens", "output_tokens", "cost_usd"])
      assert.deepStrictEqual(Object.keys(told.missing[0]), ["kind", "name", "tasks", "line", "column", "reason"])
      assert.deepStrictEqual(
        told.missing.map(({ kind, tasks }: { kind: string; tasks: ReadonlyArray<string> }) => [kind, tasks]),
        [["secret", ["publish/approve"]]]
      )
    })
  )

  live("names the mistakes of a file as check does, and ends with 3", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("wrong.yaml", greeting.replace("data/value", "data/valu"))
      const told = yield* gz("plan", path)
      assert.deepStrictEqual(told, yield* gz("check", path))
      assert.strictEqual(told.exit, 3)
      const json = JSON.parse((yield* gz("plan", path, "--json")).stdout)
      assert.strictEqual(json.error.data.diagnostics[0].line, 2)
    })
  )

  live("ends with 2 for inputs that cannot be used, and for two ways to print at once", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("digest.yaml", digest)
      assert.strictEqual((yield* gz("plan", path, "-i", "tpic=x")).exit, 2)
      assert.strictEqual((yield* gz("plan", path, "-i", "deep=perhaps")).exit, 2)
      assert.strictEqual((yield* gz("plan", path, "--mermaid", "--json")).exit, 2)
    })
  )

  live("says that a provider cannot work, and ends with 0", ({ file, gz }) =>
    Effect.gen(function* () {
      const asks = "tasks: [{ id: ask, method: llm/chat, params: { prompt: hello } }]"
      const told = yield* gz("plan", file("ask.yaml", asks))
      assert.strictEqual(told.exit, 0)
      assert.match(told.stdout, /! ask +llm\/chat +1–3 +on ollama/)
      assert.match(told.stdout, /! provider ollama, for ask \(?[\s\S]*127\.0\.0\.1:9[\s\S]*1 thing is missing/)
    })
  )

  live("makes no store where there is none, and no run where there is one", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const path = file("greeting.yaml", greeting.replace("params", "cache: true, params"))
      const told = yield* gz("plan", path)
      assert.match(told.stdout, /✓ nothing is missing/)
      assert.isFalse(existsSync(join(folder, "data")))
      yield* gz("run", path)
      yield* gz("plan", path)
      const { runs } = JSON.parse((yield* gz("ls", "--json")).stdout)
      assert.lengthOf(runs, 1)
      assert.deepStrictEqual(
        readdirSync(join(folder, "data", "gleitzeit")).filter((name) => name.endsWith(".db")),
        ["gleitzeit.db"]
      )
    })
  )

  live("finds in the cache what a run has left there, but with --fresh", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("cached.yaml", "tasks: [{ id: ask, method: llm/chat, params: { prompt: hello }, cache: true }]")
      const { run } = JSON.parse((yield* gz("run", path, "--simulate", "llm", "--json")).stdout)
      const told = yield* gz("plan", path, "--simulate", "llm", "--json")
      const [task] = JSON.parse(told.stdout).tasks
      assert.deepStrictEqual(task.cached, { calls: 1, runs: [run] })
      assert.deepStrictEqual(task.bounds.calls, { least: 0, most: 0 })
      const people = yield* gz("plan", path, "--simulate", "llm")
      assert.match(
        people.stdout.replaceAll(/\s+/g, " "),
        new RegExp(`✓ ask llm/chat 0 on simulator · cached from run ${run}`)
      )
      const fresh = yield* gz("plan", path, "--simulate", "llm", "--json", "--fresh")
      assert.isUndefined(JSON.parse(fresh.stdout).tasks[0].cached)
    })
  )
})
