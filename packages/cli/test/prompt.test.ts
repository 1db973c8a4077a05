import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Place, place } from "./command.ts"
import { Terminal } from "./terminal.ts"

const asking = `name: Ask
tasks:
  - id: color
    method: human/input
    params: { prompt: "Which color?", options: [red, dark red], default: red }
  - id: size
    method: human/input
    params: { prompt: "How large?", schema: { type: integer, minimum: 1 } }
    dependencies: [color]
  - id: review
    method: human/approve
    params: { prompt: "Paint \${size} in \${color}?" }
outputs: { color: "\${color}", size: "\${size}", approved: "\${review.approved}", comment: "\${review.comment ?? 'none'}" }
`

/** What goes on beside the questions. */
const beside = asking.replace(
  "tasks:\n",
  `tasks:
  - { id: nap, method: timer/sleep, params: { seconds: 0.15 } }
  - { id: after, method: data/value, params: { x: 1 }, dependencies: [nap] }
`
)

const live = (name: string, test: (place: Place) => Effect.Effect<void>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(place(), test)))

/** Without ids and times. */
const shown = (terminal: Terminal) =>
  terminal.shown
    .replaceAll(/[0-9A-Z]{26}/g, "RUN")
    .replaceAll(/ +(?:\d+ ms|\d+\.\d s)/g, " TIME")
    .split("\n")

describe("a question on a terminal", () => {
  live("is asked until its answer is allowed, and the run goes on", ({ file, typing }) =>
    Effect.gen(function* () {
      const terminal = new Terminal(100)
      const exit = yield* typing(
        ["3", "2", "", "many", "0", "7", "perhaps", "n, too loud"],
        terminal,
        "run",
        file("ask.yaml", beside),
        "--no-color"
      )
      assert.strictEqual(exit, 0)
      assert.isTrue(terminal.cursor)
      const lines = shown(terminal)
      const dialogue = lines.filter((line) => /^(\? | {2}(?!. (nap|after|color|size|review))|>)/.test(line))
      assert.deepStrictEqual(dialogue, [
        "? color  Which color?",
        "  1  red",
        "  2  dark red",
        "  a number from 1 to 2; nothing for red",
        "> 3",
        '  expected "red" or "dark red", found "3"',
        "> 2",
        "? size  How large?",
        "  a whole number",
        ">",
        "  an answer is needed; Ctrl-C leaves the run waiting for it",
        "> many",
        '  expected a whole number, found "many"',
        "> 0",
        "  expected at least 1, found 0",
        "> 7",
        "? review  Paint 7 in dark red?",
        "  y or n; a comment may follow",
        "> perhaps",
        '  expected y or n, not "perhaps"',
        "> n, too loud"
      ])
      assert.includeMembers(lines, ["color: dark red", "size: 7", "approved: false", "comment: too loud"])
      // each row once, whatever was asked between
      for (const id of ["nap", "color", "size", "review", "after"]) {
        assert.lengthOf(
          lines.filter((line) => new RegExp(`^ {2}✓ ${id}\\b`).test(line)),
          1,
          id
        )
      }
    })
  )

  live("nothing typed takes what is offered", ({ file, gz, typing }) =>
    Effect.gen(function* () {
      const terminal = new Terminal(100)
      assert.strictEqual(yield* typing(["", "1", "y"], terminal, "run", file("ask.yaml", asking), "-q"), 0)
      const report = JSON.parse((yield* gz("show", "latest", "--json")).stdout)
      assert.deepStrictEqual(report.outputs, { color: "red", size: 1, approved: true, comment: "none" })
      assert.notInclude(terminal.shown, "✓")
    })
  )

  live("the end of the input leaves the run waiting, and it can be asked again", ({ file, gz, typing }) =>
    Effect.gen(function* () {
      const terminal = new Terminal(100)
      assert.strictEqual(yield* typing(["1"], terminal, "run", file("ask.yaml", asking), "--no-color"), 6)
      assert.match(terminal.shown, /^Ask {2}\w{26}\n\n\? color {2}Which color\?\n/)
      assert.match(terminal.shown, /\n {2}\? size +How large\?\n/)
      assert.match(terminal.shown, /gleitzeit respond \w{26} size JSON {2}# a whole number$/)
      const { run, status } = JSON.parse((yield* gz("show", "latest", "--json")).stdout)
      assert.strictEqual(status, "waiting")
      const second = new Terminal(100)
      assert.strictEqual(yield* typing(["5", "y"], second, "resume", run, "--no-color"), 0)
      assert.notInclude(second.shown, "Which color?")
      assert.match(second.shown, /> 5\n {2}✓ size .*\n\? review {2}Paint 5 in red\?/)
    })
  )

  live("respond without a value asks for it", ({ file, gz, typing }) =>
    Effect.gen(function* () {
      yield* gz("run", "-q", file("ask.yaml", asking))
      const terminal = new Terminal(100)
      assert.strictEqual(yield* typing(["2", "4"], terminal, "respond", "latest", "color", "--no-color"), 6)
      assert.include(terminal.shown, "? color  Which color?")
      assert.include(terminal.shown, "> 2")
      const { tasks } = JSON.parse((yield* gz("show", "latest", "--json")).stdout)
      assert.deepStrictEqual([tasks.color.result, tasks.size.result], ["dark red", 4])
    })
  )

  live("a paused run asks nothing, and --json never does", ({ file, gz, typing }) =>
    Effect.gen(function* () {
      const path = file("ask.yaml", asking)
      assert.strictEqual(yield* typing([], new Terminal(100), "run", path, "--json"), 6)
      yield* gz("pause", "latest")
      const terminal = new Terminal(100)
      assert.strictEqual(yield* typing(["1"], terminal, "step", "latest", "--no-color"), 0)
      assert.notInclude(terminal.shown, "\n> ")
      assert.include(terminal.shown, "? paused")
    })
  )

  live("is left open when its run goes on beside it", ({ file, gz, typing }) =>
    Effect.gen(function* () {
      const terminal = new Terminal(100)
      assert.strictEqual(yield* typing([], terminal, "run", file("ask.yaml", beside), "--no-color"), 6)
      const { tasks } = JSON.parse((yield* gz("show", "latest", "--json")).stdout)
      assert.deepStrictEqual([tasks.after.status, tasks.color.status], ["completed", "suspended"])
      assert.include(terminal.shown, "\n  ✓ after")
    })
  )
})
