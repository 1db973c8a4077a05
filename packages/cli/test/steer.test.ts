import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Place, place, type Said } from "./command.ts"

const asking = `name: Ask
tasks:
  - { id: draft, method: data/value, params: { text: a draft } }
  - id: color
    method: human/input
    params: { prompt: "Which color?", options: [red, dark red] }
    dependencies: [draft]
  - id: review
    method: human/approve
    params: { prompt: "Publish \${draft.text} in \${color}?" }
  - id: publish
    method: data/value
    if: review.approved
    params: { text: "published in \${color}" }
outputs: { text: "\${publish.text ?? 'not published'}" }
`

const dividing = (text: string) => `name: Dividing
inputs: { n: { type: integer, default: 0 } }
tasks:
  - { id: first, method: data/value, params: { text: ${text} } }
  - id: divide
    method: python/execute
    params: { code: "result = 6 // \${inputs.n}" }
    dependencies: [first]
  - { id: last, method: data/value, params: { x: "\${divide.result}" } }
outputs: { x: "\${last.x}" }
`

const three = `name: Three
tasks:
  - { id: one, method: data/value, params: { x: 1 } }
  - { id: two, method: data/value, params: { x: "\${one.x}" } }
  - { id: three, method: data/value, params: { x: "\${two.x}" } }
outputs: { x: "\${three.x}" }
`

const signalled = `name: Signalled
tasks:
  - { id: paid, method: signal/wait, params: { name: paid } }
outputs: { invoice: "\${paid.value}" }
`

const live = (name: string, test: (place: Place) => Effect.Effect<void>, env: Record<string, string> = {}) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(place(env), test)))

const json = ({ stdout }: Said) => JSON.parse(stdout)

const statuses = (report: { readonly tasks: { readonly [id: string]: { readonly status: string } } }) =>
  Object.values(report.tasks).map(({ status }) => status)

describe("a run that asks", () => {
  live("rests where nobody can be asked, says how it is answered, exit 6, and goes on with the answers", (place) =>
    Effect.gen(function* () {
      const { file, gz } = place
      const ran = yield* gz("run", file("ask.yaml", asking))
      const run = /run (\w{26}) of Ask/.exec(ran.stderr)?.[1] ?? ""
      assert.deepStrictEqual([ran.exit, ran.stdout], [6, ""])
      assert.include(
        ran.stderr,
        `\n? waiting · 1 completed · 1 suspended
? color  Which color?
    gleitzeit respond ${run} color red  # or dark red
`
      )
      const listed = (yield* gz("ls")).stdout
      assert.match(listed, /waiting +1\/4 .* Ask {2}waits for color\n$/)
      assert.match((yield* gz("show", run)).stdout, / {2}\? color +Which color\?\n[^]*gleitzeit respond \w+ color red/)

      const wrong = yield* gz("respond", run, "color", "2")
      assert.deepStrictEqual([wrong.exit, wrong.stdout], [2, ""])
      assert.strictEqual(wrong.stderr, 'error: the answer to "color": expected "red" or "dark red", found "2"\n')
      const unknown = yield* gz("respond", run, "colour", "red")
      assert.strictEqual(unknown.exit, 4)
      assert.include(unknown.stderr, 'does not wait for "colour" (it waits for: color)')
      const missing = yield* gz("respond", run, "color")
      assert.deepStrictEqual(
        [missing.exit, missing.stderr],
        [2, "error: VALUE is missing: expected a number from 1 to 2\n"]
      )

      const answered = yield* gz("respond", run, "color", "dark red")
      assert.deepStrictEqual([answered.exit, answered.stdout], [6, ""])
      assert.notInclude(answered.stderr, "draft completed")
      assert.include(
        answered.stderr,
        `? review  Publish a draft in dark red?\n    gleitzeit respond ${run} review yes  # or no\n`
      )
      const again = yield* gz("respond", run, "color", "red")
      assert.strictEqual(again.exit, 1)
      const approved = yield* gz("respond", run, "review", "yes, now")
      assert.deepStrictEqual([approved.exit, approved.stdout], [0, "text:\npublished in dark red\n"])
      const review = json(yield* gz("result", run, "review", "--json"))
      assert.deepStrictEqual([review.approved, review.comment], [true, "now"])
      assert.strictEqual((yield* gz("respond", run)).stderr, `run ${run} is completed: nothing is asked\n`)
    })
  )

  live("--json prints what is asked with its schema", ({ file, gz }) =>
    Effect.gen(function* () {
      const ran = yield* gz("run", file("ask.yaml", asking), "--json")
      const { run, status, waiting } = json(ran)
      assert.deepStrictEqual([ran.exit, ran.stderr, status], [6, "", "waiting"])
      const request = {
        request: "color",
        task: "color",
        kind: "input",
        prompt: "Which color?",
        schema: { enum: ["red", "dark red"] }
      }
      assert.deepStrictEqual(waiting, [request])
      assert.deepStrictEqual(json(yield* gz("respond", run, "--json")), { run, status, waiting })
      const lines = (yield* gz("respond", run, "color", "red", "--json", "--watch")).stdout.trim().split("\n")
      assert.strictEqual(JSON.parse(lines.at(-1) ?? "").event._tag, "RunWaiting")
      const rejected = json(yield* gz("respond", run, "review", "no", "--json"))
      assert.deepStrictEqual([rejected.status, rejected.outputs], ["completed", { text: "not published" }])
    })
  )

  live("a command that is told names the store that was given", ({ file, folder, gz }) =>
    Effect.gen(function* () {
      const store = `sqlite:${folder}/my runs.db`
      const ran = yield* gz("run", "-q", file("ask.yaml", asking), "--store", store)
      assert.match(ran.stderr, /gleitzeit respond \w+ color red --store 'sqlite:.*\/my runs\.db' {2}# or dark red\n$/)
    })
  )

  live("a signal is sent under its name, with JSON or text", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("signalled.yaml", signalled)
      const ran = yield* gz("run", path)
      assert.strictEqual(ran.exit, 6)
      assert.match(ran.stderr, /\? paid {2}waits for a signal\n {4}gleitzeit signal \w{26} paid\n$/)
      const sent = yield* gz("signal", "latest", "paid", '{"invoice": 7}')
      assert.deepStrictEqual([sent.exit, sent.stdout], [0, 'invoice: {"invoice":7}\n'])
      yield* gz("run", path, "-q")
      assert.strictEqual((yield* gz("signal", "latest", "paid", "in full", "-q")).stdout, "invoice:\nin full\n")
      yield* gz("run", path, "-q")
      assert.strictEqual((yield* gz("signal", "latest", "paid", "-q")).stdout, "invoice: null\n")
      const late = yield* gz("signal", "latest", "paid")
      assert.deepStrictEqual([late.exit, late.stdout], [1, ""])
    })
  )

  live("a budget that is used up is exit 7, and a higher one goes on", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file(
        "llm.yaml",
        `name: Costly
tasks:
  - { id: a, method: llm/chat, params: { prompt: Say a } }
  - { id: b, method: llm/chat, params: { prompt: "Say \${a.content}" } }
`
      )
      const ran = yield* gz("run", path, "--simulate", "llm", "--budget", "calls=1")
      assert.strictEqual(ran.exit, 7)
      assert.match(ran.stderr, /\? out of budget · 1 completed/)
      assert.match(ran.stderr, /\? budget {2}.*\n {4}gleitzeit respond \w{26} budget /)
      const more = yield* gz("respond", "latest", "budget", "calls=9", "--simulate", "llm", "--json")
      assert.deepStrictEqual([more.exit, statuses(json(more))], [0, ["completed", "completed"]])
      const wrong = yield* gz("run", path, "--budget", "call=1")
      assert.deepStrictEqual(
        [wrong.exit, wrong.stderr],
        [2, 'error: --budget: there is no limit "call", did you mean "calls"?\n']
      )
    })
  )
})

describe("a run that goes on", () => {
  live("retry runs what failed again and keeps what completed", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("dividing.yaml", dividing("hello"))
      assert.strictEqual((yield* gz("run", path, "-q")).exit, 1)
      const again = yield* gz("retry", "latest")
      assert.strictEqual(again.exit, 1)
      assert.notInclude(again.stderr, "first")
      assert.match(again.stderr, /run goes on, 2 tasks again\n(.*\n)*.* divide failed after .* \(attempt 2\): /)
      const report = json(yield* gz("retry", "latest", "--json"))
      assert.deepStrictEqual(statuses(report), ["completed", "failed", "skipped"])
      assert.strictEqual(report.tasks.divide.attempts, 3)

      const done = json(yield* gz("run", path, "-i", "n=2", "--json"))
      const refused = yield* gz("retry", done.run)
      assert.deepStrictEqual([refused.exit, refused.stdout], [1, ""])
      assert.strictEqual((yield* gz("retry", done.run, "--task", "divide")).exit, 1)
      const forced = json(yield* gz("retry", done.run, "--task", "divide", "--force", "--json"))
      assert.deepStrictEqual([forced.run, forced.outputs], [done.run, { x: 3 }])
      const meant = yield* gz("retry", done.run, "--task", "divde")
      assert.deepStrictEqual(
        [meant.exit, meant.stderr],
        [4, `error: run ${done.run} has no task "divde", did you mean "divide"?\n`]
      )
      assert.strictEqual((yield* gz("retry", done.run, "--force")).exit, 2)
    })
  )

  live("fork reuses what is the same and says what", ({ file, gz }) =>
    Effect.gen(function* () {
      const before = json(yield* gz("run", file("dividing.yaml", dividing("hello")), "--json"))
      const mended = yield* gz("fork", before.run, "-i", "n=3")
      assert.deepStrictEqual([mended.exit, mended.stdout], [0, "x: 2\n"])
      assert.include(mended.stderr, "first completed already, reused\n")
      assert.include(mended.stderr, `\nused again from run ${before.run}: first\n`)

      const reused = (report: { tasks: { [id: string]: { reused: boolean } } }) =>
        Object.keys(report.tasks).filter((id) => report.tasks[id]?.reused === true)
      const same = json(yield* gz("fork", "latest", "--json"))
      assert.notStrictEqual(same.run, before.run)
      assert.deepStrictEqual([same.outputs, reused(same)], [{ x: 2 }, ["first", "divide", "last"]])
      const from = json(yield* gz("fork", same.run, "--from", "divide", "--json"))
      assert.deepStrictEqual(reused(from), ["first"])
      const edited = file("edited.yaml", dividing("bye"))
      assert.deepStrictEqual(reused(json(yield* gz("fork", same.run, "--file", edited, "--json"))), ["divide", "last"])
      assert.match((yield* gz("show", same.run)).stdout, /✓ first +reused\n/)
      const meant = yield* gz("fork", same.run, "--from", "frist")
      assert.deepStrictEqual([meant.exit, meant.stdout], [4, ""])
      assert.include(meant.stderr, 'did you mean "first"?')
      const broken = yield* gz(
        "fork",
        same.run,
        "--file",
        file("broken.yaml", "name: x\ntasks: [{ id: a, method: no/no }]\n")
      )
      assert.strictEqual(broken.exit, 3)
    })
  )

  live("step runs one task and rests, resume goes on", ({ file, gz }) =>
    Effect.gen(function* () {
      const { run } = json(yield* gz("run", file("ask.yaml", asking), "--json"))
      const paused = yield* gz("pause", run)
      assert.deepStrictEqual(paused, {
        exit: 0,
        stdout: "",
        stderr: `paused ${run}; go on with: gleitzeit resume ${run}\n`
      })
      assert.deepStrictEqual(json(yield* gz("pause", run, "--json")), { run, status: "waiting" })
      assert.match(
        (yield* gz("show", run)).stdout,
        /\? paused · .*\n\? pause {2}the run is paused\n {4}gleitzeit resume/
      )
      const answered = yield* gz("respond", run, "color", "red")
      assert.strictEqual(answered.exit, 6)
      const stepped = yield* gz("step", run)
      assert.deepStrictEqual([stepped.exit, stepped.stdout], [0, ""])
      assert.match(stepped.stderr, /color completed in /)
      assert.notInclude(stepped.stderr, "review started")
      assert.match(stepped.stderr, /\n\? paused · 2 completed/)
      const resumed = yield* gz("resume", run)
      assert.strictEqual(resumed.exit, 6)
      assert.include(resumed.stderr, "? review  Publish a draft in red?\n")
    })
  )

  live("show --at shows the run as it was", ({ file, gz }) =>
    Effect.gen(function* () {
      yield* gz("run", file("three.yaml", three), "-q")
      const at = (sequence: number) => Effect.map(gz("show", "latest", "--at", String(sequence), "--json"), json)
      assert.deepStrictEqual(statuses(yield* at(1)), ["pending", "pending", "pending"])
      assert.deepStrictEqual(statuses(yield* at(3)), ["completed", "completed", "pending"])
      assert.strictEqual((yield* at(99)).status, "completed")
      assert.match((yield* gz("show", "latest", "--at", "2")).stdout, /✓ one .*\n {2}○ two\n {2}○ three\n\nrunning · /)
      assert.strictEqual((yield* gz("show", "latest", "--at", "0")).exit, 2)
    })
  )

  live("the same key gives the same run", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("three.yaml", three)
      const first = json(yield* gz("run", path, "--key", "monday", "--json"))
      const again = json(yield* gz("run", path, "--key", "monday", "--json"))
      assert.deepStrictEqual(again, first)
      assert.notStrictEqual(json(yield* gz("run", path, "--key", "tuesday", "--json")).run, first.run)
      assert.lengthOf(json(yield* gz("ls", "--json")).runs, 2)
      assert.strictEqual((yield* gz("run", path, "--key", "")).exit, 2)
    })
  )

  live("--fresh takes nothing from the cache", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file(
        "cached.yaml",
        "name: Cached\ntasks: [{ id: a, method: llm/chat, params: { prompt: Hi }, cache: true }]\n"
      )
      const run = (...flags: ReadonlyArray<string>) => gz("run", path, "--simulate", "llm", ...flags)
      const cached = (...flags: ReadonlyArray<string>) =>
        Effect.map(run("--json", ...flags), (said): boolean => json(said).tasks.a.cached)
      assert.deepStrictEqual([yield* cached(), yield* cached(), yield* cached("--fresh")], [false, true, false])
      assert.match((yield* run()).stderr, /a completed from the cache, run \w{26}, /)
      assert.match((yield* gz("show", "latest")).stdout, /✓ a +cached · /)
    })
  )

  live("--detach needs a store that outlives the process, and excludes what needs one that stays", ({ file, gz }) =>
    Effect.gen(function* () {
      const path = file("three.yaml", three)
      const refused = yield* gz("run", path, "--detach", "--store", "memory:")
      assert.deepStrictEqual([refused.exit, refused.stdout], [2, ""])
      assert.match(refused.stderr, /^error: --detach: memory: ends with this process; --store sqlite:PATH /)
      assert.strictEqual((yield* gz("run", path, "--detach", "--watch")).exit, 2)
      assert.strictEqual((yield* gz("run", path, "--detach", "-o", "x.json")).exit, 2)
      assert.deepStrictEqual(json(yield* gz("ls", "--json")), { runs: [] })
    })
  )
})
