import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Place, place, type Said } from "./command.ts"
import { Terminal } from "./terminal.ts"

const greeting = `name: Greeting
inputs:
  who: { type: string, default: world }
  times: { type: integer, default: 1 }
tasks:
  - id: hello
    method: data/value
    params: { text: "hello \${inputs.who}", times: "\${inputs.times}" }
outputs:
  greeting: "\${hello.text}"
`

const failing = `name: Failing
tasks:
  - id: boom
    method: python/execute
    params:
      code: |
        values = [1, 2]
        result = values[2] / 1
  - id: after
    method: data/value
    params: { x: "\${boom.result}" }
  - id: beside
    method: data/value
    params: { y: 1 }
`

const live = (name: string, test: (place: Place) => Effect.Effect<void>, env: Record<string, string> = {}) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(place(env), test)))

/** The one document on standard output. */
const json = ({ stdout }: Said) => JSON.parse(stdout)

describe("gleitzeit", () => {
  live("run prints outputs as data and everything else beside it", ({ file, gz }) =>
    Effect.gen(function* () {
      const ran = yield* gz("run", file("greeting.yaml", greeting), "-i", "who=Ada")
      assert.deepStrictEqual([ran.exit, ran.stdout], [0, "greeting:\nhello Ada\n"])
      assert.match(ran.stderr, /^\d\d:\d\d:\d\d run \w{26} of Greeting: 1 task\n/)
      assert.match(ran.stderr, /hello completed in \d+ ms\n.*run completed\n✓ completed in .* · 1 completed\n$/s)
      const quiet = yield* gz("run", "-q", file("greeting.yaml", greeting))
      assert.deepStrictEqual(quiet, { exit: 0, stdout: "greeting:\nhello world\n", stderr: "" })
    })
  )

  live("run --json prints the report, and every reading command its own document", ({ file, gz }) =>
    Effect.gen(function* () {
      const ran = yield* gz("run", file("greeting.yaml", greeting), "--json", "-i", "times=3")
      const report = json(ran)
      assert.strictEqual(ran.exit, 0)
      assert.strictEqual(ran.stderr, "")
      assert.deepStrictEqual(Object.keys(report), [
        "run",
        "workflow",
        "status",
        "outputs",
        "warnings",
        "progress",
        "waiting",
        "started_at",
        "finished_at",
        "usage",
        "tasks"
      ])
      assert.deepStrictEqual(report.outputs, { greeting: "hello world" })
      assert.deepStrictEqual(report.tasks.hello.result, { text: "hello world", times: 3 })

      const listed = json(yield* gz("ls", "--json"))
      assert.deepStrictEqual(Object.keys(listed), ["runs"])
      assert.strictEqual(listed.runs[0].run, report.run)
      assert.deepStrictEqual(json(yield* gz("show", "latest", "--json")), report)
      assert.deepStrictEqual(json(yield* gz("result", report.run, "--json")), report.outputs)
      assert.deepStrictEqual(json(yield* gz("result", "last", "hello", "--json")), report.tasks.hello.result)
      const journal = json(yield* gz("logs", "latest", "--json"))
      assert.deepStrictEqual(
        journal.events.map(({ sequence, event }: { sequence: number; event: { _tag: string } }) => [
          sequence,
          event._tag
        ]),
        [
          [1, "RunCreated"],
          [2, "TaskCompleted"],
          [3, "RunCompleted"]
        ]
      )
      const lines = (yield* gz("watch", "latest", "--json")).stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ _tag, event }) => [_tag, event._tag]),
        [
          ["Event", "RunCreated"],
          ["Event", "TaskCompleted"],
          ["Event", "RunCompleted"]
        ]
      )
      assert.deepStrictEqual(json(yield* gz("rm", "latest", "--json")), { removed: report.run })
      assert.deepStrictEqual(json(yield* gz("ls", "--json")), { runs: [] })
    })
  )

  live("run --json --watch prints what happens, a document a line", ({ file, gz }) =>
    Effect.gen(function* () {
      const ran = yield* gz("run", file("greeting.yaml", greeting), "--json", "--watch", "--store", "memory:")
      const seen = ran.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        seen.map(({ _tag, event }) => event?._tag ?? _tag),
        ["RunCreated", "Started", "TaskCompleted", "RunCompleted"]
      )
      assert.deepStrictEqual(seen.at(-1).event.outputs, { greeting: "hello world" })
    })
  )

  live("people can read runs too", ({ file, gz }) =>
    Effect.gen(function* () {
      yield* gz("run", file("greeting.yaml", greeting))
      assert.match(
        (yield* gz("ls")).stdout,
        /^RUN +STATUS +TASKS +BEGUN +WORKFLOW\n\w{26} +completed +1\/1 +.* ago +Greeting\n$/
      )
      const shown = (yield* gz("show", "latest", "-v")).stdout
      assert.match(shown, /^Greeting {2}\w{26}\n\n {2}✓ hello +\d+ ms\n {6}\{\n/)
      assert.match(shown, /\ngreeting:\nhello world\n\n✓ completed in .* begun \d{4}-/)
      assert.match((yield* gz("logs", "latest")).stdout, /^\d{4}-\d\d-\d\d .* run \w{26} of Greeting: 1 task\n/)
      assert.strictEqual((yield* gz("result", "latest")).stdout, "greeting:\nhello world\n")
      assert.strictEqual(
        (yield* gz("result", "latest", "hello")).stdout,
        '{\n  "text": "hello world",\n  "times": 1\n}\n'
      )
      assert.strictEqual((yield* gz("resume", "latest")).exit, 0)
      const cancelled = yield* gz("cancel", "latest")
      assert.deepStrictEqual([cancelled.exit, cancelled.stdout], [1, ""])
      assert.match(cancelled.stderr, /^error: run \w{26} is completed\n$/)
    })
  )

  live("on a terminal what was drawn while it ran makes way for what stays", ({ file, on }) =>
    Effect.gen(function* () {
      const path = file(
        "drawn.yaml",
        `name: Drawn
tasks:
  - { id: nap, method: timer/sleep, params: { seconds: 0.35 } }
  - { id: quick, method: data/value, params: { x: 1 } }
  - { id: last, method: data/value, params: { text: done }, dependencies: [nap] }
outputs: { text: "\${last.text}" }
`
      )
      const terminal = new Terminal(60)
      let most = 0
      const write = terminal.write.bind(terminal)
      terminal.write = (text) => {
        write(text)
        most = Math.max(most, terminal.shown.split("\n").length)
      }
      terminal.write("$ gz run drawn.yaml\n")
      assert.strictEqual(yield* on(terminal, "run", path, "--no-color"), 0)
      const shown = terminal.shown
        .replaceAll(/\d+ ms/g, (time) => "N ms".padStart(time.length))
        .replaceAll(/ {2,}N/g, " N")
      assert.match(
        shown,
        /^\$ gz run drawn\.yaml\nDrawn {2}\w{26}\n\n {2}✓ nap N ms\n {2}✓ quick N ms\n {2}✓ last N ms\n\ntext:\ndone\n\n✓ completed in N ms · 3 completed$/
      )
      assert.isTrue(terminal.cursor)
      assert.isAbove(most, 6)
    })
  )

  live("a run is named by its id, its beginning or latest", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("greeting.yaml", greeting)
      const first: string = json(yield* gz("run", path, "--json")).run
      const second: string = json(yield* gz("run", path, "--json")).run
      const run = (name: string) => Effect.map(gz("show", name, "--json"), (said) => json(said).run)
      let same = 0
      while (first[same] === second[same]) same++
      assert.strictEqual(yield* run("last"), second)
      assert.strictEqual(yield* run(first.slice(0, same + 1).toLowerCase()), first)
      const ambiguous = yield* gz("show", first.slice(0, same))
      assert.strictEqual(ambiguous.exit, 2)
      assert.include(ambiguous.stderr, `2 runs begin with "${first.slice(0, same)}": ${second}, ${first}`)
      const unknown = yield* gz("show", "zzz", "--json")
      assert.strictEqual(unknown.exit, 4)
      assert.deepStrictEqual(json(unknown), {
        error: { code: -28002, name: "WORKFLOW_NOT_FOUND", message: 'no run "zzz" in this store' }
      })
      const task = yield* gz("result", "latest", "helo")
      assert.deepStrictEqual(
        [task.exit, task.stderr],
        [4, `error: run ${second} has no task "helo", did you mean "hello"?\n`]
      )
    })
  )

  live("every mistake in a file is told at once, exit 3, and nothing is run", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const path = file(
        "bad.yaml",
        `name: Bad
tasks:
  - id: a
    method: data/valeu
    params: { x: 1 }
  - id: b
    method: timer/sleep
    params: { secs: "\${c.x}" }
  - id: b
    method: data/value
    dependencies: [nobody]
`
      )
      const ran = yield* gz("run", path)
      assert.deepStrictEqual([ran.exit, ran.stdout], [3, ""])
      for (const place of ["4:13", "8:15", "9:9"]) assert.include(ran.stderr, `bad.yaml:${place}: `)
      assert.match(ran.stderr, /\n\d errors\n$/)
      const checked = yield* gz("check", path, "--json")
      const { diagnostics, ok } = json(checked)
      assert.deepStrictEqual([checked.exit, ok], [3, false])
      assert.isAtLeast(diagnostics.length, 4)
      assert.includeMembers(Object.keys(diagnostics[0]), ["file", "line", "column", "severity", "code", "message"])
      assert.deepStrictEqual(json(yield* gz("run", path, "--json")).error.data.diagnostics, diagnostics)
      assert.deepStrictEqual(json(yield* gz("ls", "--json")), { runs: [] })
      const good = yield* gz("check", file("good.yaml", greeting), "--store", `sqlite:${join(folder, "none", "x.db")}`)
      assert.deepStrictEqual(good, { exit: 0, stdout: "", stderr: `✓ ${join(folder, "good.yaml")}: nothing wrong\n` })
      assert.isFalse(existsSync(join(folder, "none")))
    })
  )

  live("a file that is not there is exit 4", ({ folder, gz }) =>
    Effect.gen(function* () {
      const missing = join(folder, "nowhere.yaml")
      const told = { exit: 4, stdout: "", stderr: `error: ${missing}: there is no such file\n` }
      assert.deepStrictEqual(yield* gz("run", missing), told)
      assert.deepStrictEqual(yield* gz("check", missing), told)
      assert.strictEqual((yield* gz("run", folder)).stderr, `error: ${folder}: is a folder; name a file in it\n`)
      assert.strictEqual((yield* gz("run", "")).stderr, 'error: "": there is no such file\n')
    })
  )

  live("a file that is not UTF-8 is refused, not read with holes in it", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const path = file("latin1.yaml", "")
      writeFileSync(path, Buffer.from(greeting.replace("Greeting", "Grüße"), "latin1"))
      const message = "is not text in UTF-8; save it as UTF-8"
      assert.deepStrictEqual(yield* gz("run", path), { exit: 4, stdout: "", stderr: `error: ${path}: ${message}\n` })
      const inputs = join(folder, "inputs.json")
      writeFileSync(inputs, Buffer.from('{"who": "Grüße"}', "utf16le"))
      const ran = yield* gz("run", file("good.yaml", greeting), "--inputs", inputs)
      assert.deepStrictEqual([ran.exit, ran.stderr], [4, `error: ${inputs}: ${message}\n`])
      assert.deepStrictEqual(json(yield* gz("ls", "--json")), { runs: [] })
    })
  )

  live("a file for the outputs that cannot be written is refused before anything runs", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const path = file("good.yaml", greeting)
      const target = join(folder, "none", "out.json")
      const ran = yield* gz("run", path, "--output", target)
      const stderr = `error: --output ${target}: there is no folder ${join(folder, "none")}\n`
      assert.deepStrictEqual(ran, { exit: 2, stdout: "", stderr })
      assert.strictEqual((yield* gz("run", path, "-o", "")).exit, 2)
      assert.deepStrictEqual(yield* gz("run", path, "-o", folder), {
        exit: 2,
        stdout: "",
        stderr: `error: --output ${folder}: is a folder; name a file in it\n`
      })
      assert.deepStrictEqual(json(yield* gz("ls", "--json")), { runs: [] })
    })
  )

  live("a failing Python task: exit 1, dependents skipped, the rest finished, the traceback shown", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("failing.yaml", failing)
      const ran = yield* gz("run", path)
      assert.strictEqual(ran.exit, 1)
      assert.match(ran.stderr, /boom failed after .*: IndexError: list index out of range/)
      assert.match(ran.stderr, /\n {6}File ".*failing\.yaml", line 8, in <module>\n/)
      assert.include(ran.stderr, 'after skipped: "boom" failed\n')
      assert.match(ran.stderr, /✗ failed in .* · 1 completed · 1 failed · 1 skipped\n$/)
      const report = json(yield* gz("show", "latest", "--json"))
      assert.deepStrictEqual(
        Object.values<{ status: string }>(report.tasks).map(({ status }) => status),
        ["failed", "skipped", "completed"]
      )
      const quiet = yield* gz("run", path, "-q")
      assert.strictEqual(quiet.stdout, "")
      assert.match(quiet.stderr, /^ {2}✗ boom +.* IndexError: list index out of range/)
      const result = yield* gz("result", "latest", "boom")
      assert.strictEqual(result.exit, 1)
      assert.match(result.stderr, /^error: IndexError: list index out of range/)
    })
  )

  live("inputs are brought to their types, unknown ones are refused with what was meant", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("greeting.yaml", greeting)
      const inputs = file("inputs.yaml", "who: Bob\ntimes: 2\n")
      const merged = json(yield* gz("run", path, "--inputs", inputs, "-i", "times=5", "--json"))
      assert.deepStrictEqual(merged.tasks.hello.result, { text: "hello Bob", times: 5 })
      const refused = yield* gz("run", path, "-i", "hwo=x", "-i", "nothing", "--inputs", file("i.json", '{"z": 1}'))
      assert.strictEqual(refused.exit, 2)
      assert.strictEqual(
        refused.stderr,
        `error: "Greeting" has no input "z" (it takes who, times)
  "Greeting" has no input "hwo", did you mean "who"?
  --input nothing: expected NAME=VALUE
`
      )
      const wrong = yield* gz("run", path, "-i", "times=often", "--json")
      assert.deepStrictEqual([wrong.exit, json(wrong).error.name], [2, "INVALID_INPUTS"])
      const list = yield* gz("run", path, "--inputs", file("list.yaml", "- 1\n"))
      assert.match(list.stderr, /^error: .*list\.yaml: expected names with values/)
    })
  )

  live("simulated results say so, on standard error and in the report", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file(
        "llm.yaml",
        'name: Ask\ntasks:\n  - id: ask\n    method: llm/chat\n    params: { prompt: "Hi" }\n'
      )
      for (const mode of ["llm", "auto"]) {
        const ran = yield* gz("run", path, "--simulate", mode, "--json")
        assert.strictEqual(ran.exit, 0, mode)
        assert.strictEqual(ran.stderr, "! simulated: ask was answered by the built-in simulator, not by a model\n")
        assert.strictEqual(json(ran).tasks.ask.simulated, true)
      }
      const called = yield* gz("call", "llm/chat", "prompt=Hi", "--simulate", "llm")
      assert.strictEqual(called.exit, 0)
      assert.strictEqual(
        called.stderr,
        "! simulated: llm/chat was answered by the built-in simulator, not by a model\n"
      )
    })
  )

  live("a provider or a store that cannot be used is exit 5", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const ollama = yield* gz("call", "llm/chat", "prompt=Hi", "--timeout", "20")
      assert.strictEqual(ollama.exit, 5)
      assert.match(ollama.stderr, /^error: provider "ollama" is not available/)
      const store = yield* gz("ls", "--store", `sqlite:${folder}`, "--json")
      assert.deepStrictEqual([store.exit, json(store).error.name], [5, "PERSISTENCE_FAILED"])
      const notAStore = yield* gz(
        "ls",
        "--store",
        `sqlite:${file("text.db", "this is no database, it is text\n".repeat(50))}`
      )
      assert.strictEqual(notAStore.exit, 5)
    })
  )

  live("the workflow's timeout is exit 124", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file(
        "slow.yaml",
        "name: Slow\ntimeout: 0.2\ntasks:\n  - { id: a, method: python/execute, params: { code: 'import time; time.sleep(60)' } }\n"
      )
      const ran = yield* gz("run", path)
      assert.strictEqual(ran.exit, 124)
      assert.include(ran.stderr, "the run took longer than 0.2 s")
    })
  )

  live("call takes names with values or JSON, and checks them", ({ gz }) =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* gz("call", "data/value", "a=x", "b=[1]")).stdout,
        '{\n  "a": "x",\n  "b": [\n    1\n  ]\n}\n'
      )
      assert.strictEqual((yield* gz("call", "python/execute", '{"code": "result = 6 * 7"}')).stdout, "42\n")
      const wrong = yield* gz("call", "timer/sleep", "seconds=soon")
      assert.deepStrictEqual([wrong.exit, wrong.stdout], [2, ""])
      assert.match(wrong.stderr, /^error: `seconds`: expected a number, found "soon"\n$/)
      const unknown = yield* gz("call", "timer/slep", "--json")
      assert.strictEqual(json(unknown).error.message, 'there is no method "timer/slep", did you mean "timer/sleep"?')
      const agent = json(yield* gz("call", "llm/agent", "prompt=hi", "--simulate", "llm", "--json"))
      assert.deepStrictEqual([agent.workflow, agent.tasks.call.provider], ["llm/agent", "agent"])
      assert.strictEqual((yield* gz("call", "data/value", "{a}")).exit, 2)
      assert.strictEqual((yield* gz("call", "data/value", "a")).exit, 2)
    })
  )

  live("run --output writes a file instead of standard output", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const path = file("greeting.yaml", greeting)
      for (const [name, text] of [
        ["out.json", '{\n  "greeting": "hello world"\n}\n'],
        ["out.md", "greeting:\nhello world\n"]
      ] as const) {
        const target = join(folder, name)
        const ran = yield* gz("run", path, "--output", target)
        assert.deepStrictEqual([ran.exit, ran.stdout, readFileSync(target, "utf8")], [0, "", text])
      }
      const nowhere = yield* gz("run", path, "-q", "--output", join(folder, "no", "folder.json"))
      assert.strictEqual(nowhere.exit, 2)
      assert.include(nowhere.stderr, "--output ")
    })
  )

  live("mistakes on the command line are short, exit 2", ({ gz }) =>
    Effect.gen(function* () {
      const say = (...args: ReadonlyArray<string>) =>
        Effect.map(gz(...args), ({ exit, stderr, stdout }) => [exit, stdout, stderr])
      const help = (of: string) => `gleitzeit${of} --help shows how it is used\n`
      assert.deepStrictEqual(yield* say("rnu"), [
        2,
        "",
        `error: there is no command "rnu", did you mean run?\n${help("")}`
      ])
      assert.deepStrictEqual(yield* say("run"), [2, "", `error: FILE is missing\n${help(" run")}`])
      assert.deepStrictEqual(yield* say("ls", "--jsn"), [
        2,
        "",
        `error: there is no flag --jsn, did you mean --json?\n${help(" ls")}`
      ])
      assert.deepStrictEqual(yield* say("ls", "--limit", "0"), [
        2,
        "",
        `error: --limit "0": expected a number from 1 to 1000\n${help(" ls")}`
      ])
      const [exit, stdout, stderr] = yield* say("show", "--json")
      assert.deepStrictEqual([exit, stderr], [2, ""])
      assert.strictEqual(JSON.parse(String(stdout)).error.message, "RUN is missing")
      assert.deepStrictEqual(yield* say("run", "a.yaml", "b.yaml"), [
        2,
        "",
        `error: one argument too many: "b.yaml"\n${help(" run")}`
      ])
      assert.deepStrictEqual(yield* say("ls", "-q", "-q"), [2, "", `error: --quiet is given 2 times\n${help(" ls")}`])
      const alone = yield* gz("--json")
      assert.strictEqual(alone.exit, 2)
      assert.include(json(alone).error.message, "a command is missing")
      const unknown = yield* gz("call", "nope/method")
      assert.strictEqual(unknown.exit, 2)
      assert.include(unknown.stderr, 'no provider has the method "nope/method"')
      const broken = yield* gz("call", "llm/chat", "{bad")
      assert.strictEqual(broken.exit, 2)
      assert.match(broken.stderr, /^error: PARAMS: expected a JSON object: .*position 1/)
      assert.deepStrictEqual((yield* say("ls", "--store", "postgres://x"))[0], 2)
    })
  )

  live("help is data, and every command has one", ({ gz }) =>
    Effect.gen(function* () {
      const root = yield* gz("--help")
      assert.deepStrictEqual([root.exit, root.stderr], [0, ""])
      assert.strictEqual((yield* gz()).stdout, root.stdout)
      const commands =
        "run check call ls show logs watch result resume respond signal pause step cancel retry fork rm providers protocols doctor completions".split(
          " "
        )
      for (const command of commands) {
        assert.match(root.stdout, new RegExp(`\\n  ${command}[ ,]`))
        const help = yield* gz(command, "--help")
        assert.strictEqual(help.exit, 0)
        assert.include(help.stdout, `gleitzeit ${command}`)
      }
      for (const shell of ["bash", "zsh", "fish"]) {
        const { stdout } = yield* gz("completions", shell)
        for (const command of commands) assert.include(stdout, command)
        assert.notInclude(stdout, " --completions ")
      }
      const { stdout } = yield* gz("completions", "bash")
      for (const name of ["gleitzeit", "gz"]) {
        assert.include(stdout, `\ncomplete -F _${name} ${name}\n`)
        assert.include(stdout, `\n_${name}()\n`)
        assert.match(stdout, new RegExp(`\n_${name}_run\\(\\)\n\\{[^}]*_${name}--paths`))
      }
    })
  )

  live("doctor and the providers tell what can be used", ({ gz }) =>
    Effect.gen(function* () {
      const examined = yield* gz("doctor", "--json")
      const { findings, ok, settings } = json(examined)
      assert.deepStrictEqual([examined.exit, ok], [5, false])
      const statuses = Object.fromEntries(
        findings.map(({ status, what }: { status: string; what: string }) => [what, status])
      )
      assert.deepStrictEqual(statuses, {
        gleitzeit: "ok",
        node: "ok",
        store: "ok",
        data: "ok",
        timer: "ok",
        human: "ok",
        signal: "ok",
        python: "ok",
        ollama: "failed",
        agent: "failed"
      })
      const { health } = findings.find(({ what }: { what: string }) => what === "python")
      assert.deepStrictEqual(Object.keys(health.levels), ["none", "rlimit", "strict", "ns", "container"])
      assert.deepStrictEqual(settings.providers.ollama.options.endpoint, {
        value: "http://127.0.0.1:9",
        from: "GLEITZEIT_OLLAMA_URL"
      })
      const listed = json(yield* gz("providers", "--json"))
      assert.deepStrictEqual(
        listed.providers.map(({ name }: { name: string }) => name),
        ["data", "timer", "human", "signal", "python", "ollama", "agent"]
      )
      assert.strictEqual((yield* gz("providers", "health")).exit, 5)
      assert.include((yield* gz("protocols", "show", "timer/v1")).stdout, "seconds?")
      const [agent, alias] = [yield* gz("protocols", "show", "agent/run"), yield* gz("protocols", "show", "llm/agent")]
      assert.deepStrictEqual(alias, agent)
      const unknown = yield* gz("protocols", "show", "llm/v2")
      assert.deepStrictEqual(
        [unknown.exit, unknown.stderr],
        [4, 'error: there is no protocol or method "llm/v2", did you mean "llm/v1"?\n']
      )
    })
  )

  live("a password in a URL is not shown", ({ gz }) =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* gz(
        "doctor",
        "--json",
        "--debug",
        "--ollama",
        "http://ada:hunter2hunter2@127.0.0.1:9"
      )
      assert.notInclude(stdout + stderr, "hunter2")
    })
  )
})
