/**
 * Where words go: data to standard output, everything for people to standard error, where a frame may be drawn at the
 * bottom of a terminal. Nobody else writes.
 */
import { Config, Console, Context, Effect, Layer, Logger, Option, References, type Scope } from "effect"
import * as fs from "node:fs"
import * as Style from "./Style.ts"
import * as Text from "./Text.ts"

/** What the process is attached to. */
export interface Screen {
  /** Standard output is a terminal. */
  readonly stdout: boolean
  /** Standard error is a terminal. */
  readonly stderr: boolean
  /** Of standard error. */
  readonly size: () => { readonly columns: number; readonly rows: number }
  /** To standard error as it is, for drawing. */
  readonly write: (text: string) => void
  /** Waits while whoever reads is behind. False: nobody reads it any more. */
  readonly taken: (stream: "stdout" | "stderr") => Effect.Effect<boolean>
}

export const Screen = Context.Reference<Screen>("gleitzeit/Output/Screen", {
  defaultValue: () => ({
    stdout: process.stdout.isTTY === true,
    stderr: process.stderr.isTTY === true,
    size: () => ({ columns: process.stderr.columns ?? 80, rows: process.stderr.rows ?? 24 }),
    // Windows would take the bytes for another encoding
    write: process.stderr.isTTY && process.platform !== "win32" ? write : (text) => void process.stderr.write(text),
    taken
  })
})

export interface Options {
  readonly json: boolean
  readonly verbose: boolean
  readonly quiet: boolean
  readonly debug: boolean
  readonly noColor: boolean
}

export class Output extends Context.Service<
  Output,
  {
    readonly options: Options
    /** Of standard error, where progress can be drawn: it is a terminal that obeys. */
    readonly live: boolean
    /** For standard error. */
    readonly style: Style.Style
    /** For standard output. */
    readonly dataStyle: Style.Style
    readonly size: Effect.Effect<{ readonly columns: number; readonly rows: number }>
    /** To standard output, with a newline. What a terminal would obey is taken out there, but for colors. */
    readonly data: (text: string) => Effect.Effect<void>
    /** Standard output is a terminal. */
    readonly dataIsTerminal: boolean
    /** One JSON document to standard output, laid out for reading on a terminal. */
    readonly json: (value: unknown) => Effect.Effect<void>
    /** One JSON document on one line to standard output. */
    readonly line: (value: unknown) => Effect.Effect<void>
    /** Many of them, at the pace of whoever reads. False: nobody reads any more. */
    readonly lines: (values: ReadonlyArray<unknown>) => Effect.Effect<boolean>
    /** To standard error, above what is drawn. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Many of them, at the pace of whoever reads. False: nobody reads any more. */
    readonly notes: (texts: ReadonlyArray<string>) => Effect.Effect<boolean>
    /** From now on to the end of the scope a frame can be drawn; what is in it then is wiped away. */
    readonly canvas: Effect.Effect<Canvas, never, Scope.Scope>
  }
>()("gleitzeit/Output") {}

/** The bottom of the terminal. */
export interface Canvas {
  /**
   * First lines that stay, then the frame instead of the former one. Lines of the frame must fit the width. Done when
   * the terminal has taken it.
   */
  readonly draw: (stay: ReadonlyArray<string>, frame: ReadonlyArray<string>) => Effect.Effect<void>
  /** Leaves the terminal to somebody else for as long as it takes: the frame is gone, and the cursor shows. */
  readonly aside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export const make = (options: Options): Effect.Effect<Output["Service"]> =>
  Effect.gen(function* () {
    const screen = yield* Screen
    const output = yield* Console.Console
    const noColor = options.noColor || (yield* variable("NO_COLOR")) !== undefined
    const force = (yield* variable("FORCE_COLOR")) ?? "0"
    const term = yield* variable("TERM")
    const unicode = yield* speaksUnicode(term)
    const dumb = term === "dumb"
    const style = (isTerminal: boolean) =>
      Style.make({ color: !noColor && (force !== "0" || (isTerminal && !dumb)), unicode })
    let drawn: ReadonlyArray<string> = []
    /** Whoever draws has the terminal. */
    let isDrawing = false

    /** Back to where the frame begins; its lines may have been wrapped by a narrower window since. */
    const rewind = () => {
      const { columns } = screen.size()
      const lines = drawn.reduce(
        (sum, line) => sum + Math.max(1, Math.ceil(Text.width(line) / Math.max(1, columns))),
        0
      )
      return lines === 0 ? "" : `\u001B[${lines}A`
    }

    /** One write a frame: each line is overwritten in place and cleared to its end, so that nothing flickers. */
    const put = (stay: ReadonlyArray<string>, frame: ReadonlyArray<string>) => {
      if (stay.length === 0 && same(frame, drawn)) return
      // what stays may be wider than the terminal: it gets a cleared screen, so that nothing is left where it wraps
      const above = stay.length === 0 ? "" : `\r\u001B[J${stay.map((line) => `${line}\n`).join("")}`
      const lines = frame.map((line) => `\r${line}\u001B[K\n`).join("")
      screen.write(`${rewind()}${above}${lines}\u001B[J`)
      drawn = frame
    }

    const note = (words: string) =>
      Effect.sync(() => {
        // others' words may stand in it: names, messages
        const text = screen.stderr ? Text.safe(words) : words
        if (!isDrawing) output.error(text)
        else put(text.split("\n"), drawn)
      })

    /** Others write to the terminal directly, so what is drawn has to be there before. */
    const written = screen.taken("stderr")
    const begin = Effect.sync(() => {
      isDrawing = true
      screen.write(hideCursor)
    })
    const end = Effect.andThen(
      Effect.sync(() => {
        put([], [])
        screen.write(showCursor)
        isDrawing = false
      }),
      written
    )

    return Output.of({
      options,
      live: screen.stderr && !dumb,
      style: style(screen.stderr),
      dataStyle: style(screen.stdout),
      size: Effect.sync(screen.size),
      data: (text) => Effect.sync(() => output.log(screen.stdout ? Text.safe(text) : text)),
      json: (value) => Effect.sync(() => output.log(jsonOf(value, screen.stdout ? 2 : undefined))),
      dataIsTerminal: screen.stdout,
      line: (value) => Effect.sync(() => output.log(jsonOf(value))),
      lines: Effect.fnUntraced(function* (values) {
        for (let from = 0; from < values.length;) {
          let text = ""
          for (; from < values.length && text.length < enough; from++) text += `\n${jsonOf(values[from])}`
          output.log(text.slice(1))
          if (!(yield* screen.taken("stdout"))) return false
        }
        return true
      }),
      note,
      notes: (texts) =>
        texts.length === 0 ? Effect.succeed(true) : Effect.andThen(note(texts.join("\n")), screen.taken("stderr")),
      canvas: Effect.as(
        Effect.acquireRelease(begin, () => end),
        {
          draw: (stay, frame) =>
            Effect.andThen(
              Effect.sync(() => put(stay, frame)),
              written
            ),
          aside: (effect) =>
            Effect.acquireUseRelease(
              end,
              () => effect,
              () => begin
            )
        }
      )
    })
  })

export const layer = <R>(options: Effect.Effect<Options, never, R>): Layer.Layer<Output, never, R> =>
  Layer.effect(Output, Effect.flatMap(options, make))

/** What the program logs: warnings and worse, with `--debug` everything, one line each on standard error. */
export const logging: Layer.Layer<never, never, Output> = Layer.unwrap(
  Effect.map(Output, (output) =>
    Layer.merge(
      Logger.layer([
        Logger.map(Logger.formatLogFmt, (line) => Effect.runSync(output.note(output.style.dim(Text.clean(line)))))
      ]),
      Layer.succeed(References.MinimumLogLevel, output.options.debug ? "All" : "Warn")
    )
  )
)

/** For whoever ends the process in the middle of a frame. */
export const showCursor = "\u001B[?25h"

// internal

/** Characters that are written at once. */
const enough = 65_536

/** Streams that nobody reads any more: after an error Node lets them be written to as before. */
const unread = new Set<string>()

/** Text for the terminal while a write is under way, and who waits until nothing is left. */
let unwritten = ""
let isWriting = false
let waiting: Array<() => void> = []

/** To standard error in another thread: a terminal that takes nothing (Ctrl-S, a slow line) stops no run. */
const write = (text: string): void => {
  unwritten += text
  if (!isWriting) writeNext()
}

const writeNext = (): void => {
  isWriting = unwritten !== ""
  if (isWriting) {
    const bytes = Buffer.from(unwritten)
    unwritten = ""
    return writeBytes(bytes)
  }
  const done = waiting
  waiting = []
  for (const one of done) one()
}

const writeBytes = (bytes: Buffer): void =>
  fs.write(2, bytes, (error, count) => {
    if (error === null && count < bytes.length) return writeBytes(bytes.subarray(count))
    // somebody has made it a stream that does not wait
    if (error?.code === "EAGAIN") process.stderr.write(bytes)
    else if (error !== null) unread.add("stderr")
    writeNext()
  })

const taken = (name: "stdout" | "stderr"): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    if (name === "stderr" && isWriting) {
      waiting.push(() => resume(Effect.succeed(!unread.has(name))))
      return
    }
    if (unread.has(name)) return resume(Effect.succeed(false))
    process[name].write("", (error) => {
      if (error !== null && error !== undefined) unread.add(name)
      resume(Effect.succeed(!unread.has(name)))
    })
  })

/** Without the characters that a terminal obeys and JSON leaves as they are. */
const jsonOf = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[\u007F-\u009F]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const hideCursor = "\u001B[?25l"

const same = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) =>
  a.length === b.length && a.every((line, i) => line === b[i])

const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

/** By the locale, as programs in C do; the Linux console has no such signs in its font. */
const speaksUnicode = (term: string | undefined): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    if (term === "linux") return false
    const locale = (yield* variable("LC_ALL")) ?? (yield* variable("LC_CTYPE")) ?? (yield* variable("LANG"))
    return locale === undefined ? process.platform !== "linux" : /utf-?8/i.test(locale)
  })
