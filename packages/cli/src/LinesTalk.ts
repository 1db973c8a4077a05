/**
 * What tasks say while they run, as plain lines: each of one task, of whole words, and written as soon as it is full.
 * Between them stand the lines that tell of the run.
 */
import type { Gleitzeit } from "@gleitzeit/core"
import * as Lines from "./Lines.ts"
import { wrap } from "./LinesWrap.ts"
import * as Text from "./Text.ts"

export class Talk {
  readonly #options: Lines.Options
  /** What is said and not written yet, by path. */
  readonly #open = new Map<string, Open>()

  constructor(options: Lines.Options) {
    this.#options = options
  }

  /** The lines that are due with this. `now` stands in for what has no time of its own. */
  of(live: Gleitzeit.Live, now: number): ReadonlyArray<string> {
    switch (live._tag) {
      case "Chunk": {
        const { chunk } = live
        if (chunk._tag === "Text" || (chunk._tag === "Reasoning" && this.#options.verbose)) {
          return this.#said(live.task, chunk._tag === "Reasoning", live.attempt, chunk.text, now)
        }
        if (chunk._tag === "Log" && (chunk.level !== "debug" || this.#options.verbose)) {
          return [...this.#rest(live.task, now), this.#line(live.task, false, Text.flat(chunk.message), now)]
        }
        break
      }
      case "Gap": {
        const left = Text.count(live.to - live.from + 1, "piece")
        return [...this.#rest(live.task, now), this.#line(live.task, false, `… ${left} left out`, now)]
      }
      case "Started":
        return [...this.#rest(live.task, now), ...Lines.ofLive(live, now, this.#options)]
      case "Event": {
        const { event } = live
        const before = "task" in event ? this.#rest(event.task, now) : event._tag.startsWith("Run") ? this.end(now) : []
        return [...before, ...Lines.ofLive(live, now, this.#options)]
      }
    }
    return Lines.ofLive(live, now, this.#options)
  }

  /** What is said and not written yet: nobody goes on with it. */
  end(now: number): ReadonlyArray<string> {
    return [...this.#open.keys()].flatMap((task) => this.#rest(task, now))
  }

  #said(task: string, isThought: boolean, attempt: number, text: string, now: number): ReadonlyArray<string> {
    const known = this.#open.get(task)
    const goesOn = known?.isThought === isThought && known.attempt === attempt
    const before = goesOn ? [] : this.#rest(task, now)
    const lines = wrap(Text.clean((goesOn ? known.text : "") + text).replaceAll("\t", "    "), columns)
    // a last line that is not full may go on with the rest of its last word
    this.#open.set(task, { attempt, isThought, text: lines.at(-1) ?? "" })
    return [...before, ...lines.slice(0, -1).map((line) => this.#line(task, isThought, line, now))]
  }

  /** It says no more, or something else. */
  #rest(task: string, now: number): ReadonlyArray<string> {
    const open = this.#open.get(task)
    this.#open.delete(task)
    return open === undefined || open.text.trim() === "" ? [] : [this.#line(task, open.isThought, open.text, now)]
  }

  #line(task: string, isThought: boolean, text: string, now: number): string {
    const { clock = Text.clock } = this.#options
    return `${clock(now)} ${Lines.name(task)} ${isThought ? "thinks " : ""}| ${text}`.trimEnd()
  }
}

// internal

interface Open {
  readonly attempt: number
  readonly isThought: boolean
  readonly text: string
}

/** Of the text of a line. */
const columns = 100
