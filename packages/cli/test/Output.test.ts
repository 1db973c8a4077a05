import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Effect, Schema } from "effect"
import * as Output from "../src/Output.ts"
import { Terminal } from "./terminal.ts"

const speech: Output.Options = { json: false, verbose: false, quiet: false, debug: false, noColor: false }

/** An output on a terminal; what goes to the console goes to the terminal too, as for a process. */
const on = <A, E>(
  terminal: Terminal,
  use: (output: Output.Output["Service"]) => Effect.Effect<A, E>,
  options: {
    readonly env?: Record<string, string>
    readonly speech?: Partial<Output.Options>
    readonly tty?: boolean
  } = {}
) => {
  const line = (text: unknown) => terminal.write(`${String(text)}\n`)
  const console: Console.Console = Object.assign(Object.create(globalThis.console), { log: line, error: line })
  return Effect.flatMap(Output.make({ ...speech, ...options.speech }), use).pipe(
    Effect.provideService(Console.Console, console),
    Effect.provideService(Output.Screen, {
      stdout: options.tty ?? true,
      stderr: options.tty ?? true,
      size: () => ({ columns: terminal.columns, rows: 24 }),
      write: (text) => terminal.write(text),
      taken: () => Effect.succeed(true)
    }),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnv({ env: { LANG: "C.UTF-8", TERM: "xterm", ...options.env } })
    )
  )
}

const columns = 20
const short = ["", "a", "✓ done", "  ⠋ long 12 s words"] as const
const frames = Schema.Array(Schema.Literals(short)).check(Schema.isMaxLength(5))
const stays = Schema.Array(Schema.Literals([...short, "x".repeat(20), "wider than it is, and then some"])).check(
  Schema.isMaxLength(4)
)

/** As the terminal breaks them. */
const wrapped = (lines: ReadonlyArray<string>) =>
  lines
    .flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""])
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd()

describe("Output", () => {
  it.effect.prop(
    "whatever is drawn, the terminal shows what stays and the last frame, and no leftover lines",
    { steps: Schema.Array(Schema.Tuple([stays, frames])).check(Schema.isMaxLength(8)) },
    ({ steps }) =>
      Effect.gen(function* () {
        const terminal = new Terminal(columns)
        terminal.write("$ gleitzeit\n")
        yield* on(terminal, (output) =>
          Effect.scoped(
            Effect.gen(function* () {
              const canvas = yield* output.canvas
              const stayed: Array<string> = ["$ gleitzeit"]
              for (const [stay, frame] of steps) {
                yield* canvas.draw(stay, frame)
                stayed.push(...stay)
                assert.strictEqual(terminal.shown, wrapped([...stayed, ...frame]))
              }
            })
          )
        )
      })
  )

  it.effect("words of others, in notes and in JSON, are shown and not obeyed", () =>
    Effect.gen(function* () {
      const evil = "a\u001B]0;title\u0007b\u009B31mc\u007F\u001B[2Jd"
      let written = ""
      const terminal = Object.assign(new Terminal(80), { write: (text: string) => void (written += text) })
      yield* on(terminal, (output) =>
        Effect.gen(function* () {
          yield* output.note(output.style.red(evil))
          yield* output.json({ [evil]: evil })
          yield* output.line(evil)
        })
      )
      const [note = "", ...json] = written.trimEnd().split("\n")
      assert.strictEqual(note, "\u001B[31mab31mcd\u001B[39m")
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      assert.notMatch(json.join(""), /[\u0000-\u001F\u007F-\u009F]/)
      assert.strictEqual(JSON.parse(json.at(-1) ?? ""), evil)
    })
  )

  it.effect("a note goes above the frame, and the frame is gone when the scope closes", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(40)
      yield* on(terminal, (output) =>
        Effect.gen(function* () {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const canvas = yield* output.canvas
              assert.isFalse(terminal.cursor)
              yield* canvas.draw(["for good"], ["frame 1", "frame 2"])
              yield* output.note("two\nlines")
              assert.strictEqual(terminal.shown, "for good\ntwo\nlines\nframe 1\nframe 2")
            })
          )
          yield* output.note("after")
        })
      )
      assert.isTrue(terminal.cursor)
      assert.strictEqual(terminal.shown, "for good\ntwo\nlines\nafter")
    })
  )

  it.effect("an unchanged frame is not written again", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(40)
      let writes = 0
      const write = terminal.write.bind(terminal)
      terminal.write = (text) => {
        writes++
        write(text)
      }
      yield* on(terminal, (output) =>
        Effect.scoped(
          Effect.gen(function* () {
            const canvas = yield* output.canvas
            yield* canvas.draw([], ["same"])
            const before = writes
            yield* canvas.draw([], ["same"])
            assert.strictEqual(writes, before)
          })
        )
      )
    })
  )

  it.effect("what a terminal would obey does not reach it as data, but a pipe gets every byte", () =>
    Effect.gen(function* () {
      const evil = "a\u001B]0;title\u0007b\u001B[2Jc\u0008d"
      const terminal = new Terminal(40)
      yield* on(terminal, (output) => output.data(evil))
      assert.strictEqual(terminal.shown, "abcd")
      let written = ""
      const pipe = new Terminal(40)
      pipe.write = (text) => {
        written += text
      }
      yield* on(pipe, (output) => output.data(evil), { tty: false })
      assert.strictEqual(written, `${evil}\n`)
    })
  )

  it.effect("colors are for terminals, and for nobody with NO_COLOR, --no-color or TERM=dumb", () =>
    Effect.gen(function* () {
      const colored = (options: Parameters<typeof on>[2]) =>
        on(new Terminal(40), (output) => Effect.succeed(output.style.red("x") !== "x"), options)
      assert.isTrue(yield* colored({}))
      assert.isFalse(yield* colored({ tty: false }))
      assert.isFalse(yield* colored({ env: { NO_COLOR: "1" } }))
      assert.isFalse(yield* colored({ env: { TERM: "dumb" } }))
      assert.isFalse(yield* colored({ speech: { noColor: true } }))
      assert.isTrue(yield* colored({ tty: false, env: { FORCE_COLOR: "1" } }))
    })
  )

  it.effect("a locale without UTF-8 gets ASCII signs", () =>
    Effect.gen(function* () {
      const sign = (env: Record<string, string>) =>
        on(new Terminal(40), (output) => Effect.succeed(output.style.signs.completed), { env })
      assert.strictEqual(yield* sign({ LANG: "C" }), "+")
      assert.strictEqual(yield* sign({ LANG: "de_DE.utf8" }), "✓")
      assert.strictEqual(yield* sign({ LANG: "C.UTF-8", LC_ALL: "POSIX" }), "+")
      assert.strictEqual(yield* sign({ LANG: "C.UTF-8", TERM: "linux" }), "+")
    })
  )
})
