import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { place } from "./command.ts"
import { onTerminal } from "./pty.ts"

const asking = `name: Ask
tasks:
  - { id: name, method: human/input, params: { prompt: "Your name?" } }
  - { id: review, method: human/approve, params: { prompt: "Greet \${name}?" } }
outputs: { name: "\${name}", greet: "\${review.approved}" }
`

describe("on a terminal", () => {
  it.live("a question is asked, edited as it is typed, and answered", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const ended = yield* onTerminal(
          folder,
          ["run", file("ask.yaml", asking)],
          [
            ["> ", "Adx\u007Fa\r"],
            ["Greet Ada?", ""],
            ["> ", "y\r"]
          ]
        )
        assert.strictEqual(ended.code, 0)
        assert.match(ended.shown, /^Ask {2}\w{26}\n\n\? name {2}Your name\?\n {2}text\n> Ada\n {2}✓ name /)
        assert.match(ended.shown, /\n\? review {2}Greet Ada\?\n {2}y or n; a comment may follow\n> y\n/)
        assert.match(ended.shown, /\nname: Ada\ngreet: true\n\n✓ completed in /)
      })
    )
  )

  it.live("Ctrl-C at a question leaves the run waiting, exit 130; resume asks again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder, gz } = yield* place()
        const left = yield* onTerminal(folder, ["run", file("ask.yaml", asking)], [["> ", "half\u0003"]])
        assert.strictEqual(left.code, 130)
        const run = /interrupted; go on with: gleitzeit resume (\w{26})$/.exec(left.shown)?.[1] ?? ""
        assert.strictEqual(JSON.parse((yield* gz("show", run, "--json")).stdout).status, "waiting")
        const ended = yield* onTerminal(
          folder,
          ["resume", run],
          [
            ["> ", "Bob\r"],
            ["Greet Bob?", ""],
            ["> ", "n\r"]
          ]
        )
        assert.strictEqual(ended.code, 0)
        assert.include(ended.shown, "greet: false")
      })
    )
  )

  it.live("Ctrl-D at a question ends the asking: exit 6, and how to answer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const ended = yield* onTerminal(folder, ["run", file("ask.yaml", asking)], [["> ", "\u0004"]])
        assert.strictEqual(ended.code, 6)
        assert.match(
          ended.shown,
          /\? waiting · 1 suspended\n\? name {2}Your name\?\n {4}gleitzeit respond \w{26} name TEXT$/
        )
      })
    )
  )

  it.live("a question that is answered elsewhere is asked no longer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder, gz } = yield* place()
        const { run } = JSON.parse((yield* gz("run", file("ask.yaml", asking), "--json")).stdout)
        const ended = yield* onTerminal(
          folder,
          ["watch", run],
          [
            ["> ", gz("respond", run, "name", "Eve", "-q")],
            ["Greet Eve?", ""],
            ["> ", "y\r"]
          ]
        )
        assert.strictEqual(ended.code, 0)
        assert.include(ended.shown, "greet: true")
      })
    )
  )

  it.live("what is under way is shown as interrupted, exit 130", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, folder } = yield* place()
        const slow = `name: Slow
tasks:
  - { id: quick, method: data/value, params: { x: 1 } }
  - { id: slow, method: python/execute, params: { code: "import time; time.sleep(60)" }, dependencies: [quick] }
`
        const ended = yield* onTerminal(folder, ["run", file("slow.yaml", slow)], [["1 of 2 tasks", "\u0003"]])
        assert.strictEqual(ended.code, 130)
        assert.match(ended.shown, /⊘ slow +interrupted\ninterrupted; go on with: gleitzeit resume \w{26}$/)
      })
    )
  )
})
