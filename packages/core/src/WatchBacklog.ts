/**
 * What happened beside the record and one watcher has not taken yet. It is bounded: beyond that chunks are dropped and a
 * gap stands in their place, so that whoever emits never waits and nobody's memory grows.
 */
import type { Live } from "./Live.ts"
import type { Chunk, TaskPath } from "./Task.ts"

/** Chunks of an attempt that this watcher does not get: dropped, or emitted before it began to watch. */
export interface Gap {
  readonly _tag: "Gap"
  readonly task: TaskPath
  readonly attempt: number
  /** Index of the first one. */
  readonly from: number
  /** Index of the last one. */
  readonly to: number
}

export class Backlog {
  readonly #waiting: Array<{ live: Live | Gap; readonly after: number }> = []
  /** Characters of the chunks that wait. */
  #size = 0
  /** By path: where a gap at the end of what waits can grow. */
  readonly #growing = new Map<TaskPath, Growing>()
  /** By path: the index that is due next. */
  readonly #due = new Map<TaskPath, { readonly attempt: number; index: number }>()

  /** `after`: the sequence of the event that it follows. */
  add(live: Live, after: number): void {
    if (live._tag === "Started") {
      if (this.#waiting.length < most) this.#waiting.push({ live, after })
      return
    }
    if (this.#waiting.length < enough && this.#size < enoughSize) {
      this.#size += sizeOf(live.chunk)
      this.#growing.delete(live.task)
      this.#waiting.push({ live, after })
      return
    }
    this.#drop(live.task, live.attempt, live.index, after)
  }

  /** Takes out what follows no event later than `sequence`, in order, as far as the attempts are open still. */
  take(sequence: number, isOpen: (live: Live | Gap) => boolean, give: (live: Live | Gap) => void): void {
    let count = 0
    for (const { after, live } of this.#waiting) {
      if (after > sequence) break
      count++
      if (live._tag === "Chunk") this.#size -= sizeOf(live.chunk)
      else if (this.#growing.get(live.task) === live) this.#growing.delete(live.task)
      if (isOpen(live)) this.#show(live, give)
    }
    if (count === this.#waiting.length) this.#waiting.length = 0
    else if (count > 0) this.#waiting.splice(0, count)
  }

  /** Attempts up to this one are over: nothing is due of them any more. */
  forget(task: TaskPath, attempt: number): void {
    if ((this.#due.get(task)?.attempt ?? Infinity) <= attempt) this.#due.delete(task)
  }

  #show(live: Live | Gap, give: (live: Live | Gap) => void): void {
    const { attempt, task } = live
    if (live._tag === "Started") {
      this.#due.set(task, { attempt, index: 0 })
      give(live)
      return
    }
    let due = this.#due.get(task)
    if (due?.attempt !== attempt) this.#due.set(task, (due = { attempt, index: 0 }))
    const missing = live._tag === "Gap" ? live.to : live.index - 1
    if (missing >= due.index) give({ _tag: "Gap", task, attempt, from: due.index, to: missing })
    if (live._tag === "Chunk") give(live)
    due.index = live._tag === "Gap" ? live.to + 1 : live.index + 1
  }

  #drop(task: TaskPath, attempt: number, index: number, after: number): void {
    const gap = this.#growing.get(task)
    if (gap?.attempt === attempt) gap.to = index
    else if (this.#waiting.length < most) {
      const live: Growing = { _tag: "Gap", task, attempt, from: index, to: index }
      this.#growing.set(task, live)
      this.#waiting.push({ live, after })
    }
  }
}

// internal

type Growing = Gap & { to: number }

/** Elements that a watcher may leave lying before chunks are dropped. */
const enough = 4096
/** The same in characters. */
const enoughSize = 1_048_576
/** Beyond that beginnings and gaps are dropped too: what is recorded tells of those attempts. */
const most = 16_384

const sizeOf = (chunk: Chunk): number => ("text" in chunk ? chunk.text.length : (chunk.message?.length ?? 0))
