import { assert, describe, it } from "@effect/vitest"
import { type Event, type Gleitzeit, Run, type Task } from "@gleitzeit/core"
import * as Lines from "../src/Lines.ts"
import * as Progress from "../src/Progress.ts"
import * as Style from "../src/Style.ts"
import * as Text from "../src/Text.ts"
import * as View from "../src/View.ts"
import { golden } from "./golden.ts"
import { begin, middle, rest, run, talking, workflow } from "./scene.ts"
import * as waiting from "./waiting.ts"

const look = (options: Partial<View.Look> = {}): View.Look => ({
  style: Style.make({ color: false, unicode: true }),
  columns: 80,
  rows: 24,
  verbose: false,
  ...options
})

const progressOf = (seen: ReadonlyArray<Gleitzeit.Live>) => {
  const progress = Progress.make(run)
  for (const live of seen) Progress.observe(progress, live)
  return progress
}

describe("View", () => {
  it("draws what is over for good and the rest as a frame", () => {
    const progress = progressOf(middle)
    golden("middle", [
      ...View.header(progress, look()),
      ...View.settled(progress, look()),
      "-- frame --",
      ...View.frame(progress, look(), begin + 5000, 3)
    ])
  })

  it("draws in colors and in ASCII", () => {
    for (const [name, style] of [
      ["middle-color", Style.make({ color: true, unicode: true })],
      ["middle-ascii", Style.make({ color: false, unicode: false })]
    ] as const) {
      const progress = progressOf(middle)
      const shown = look({ style, columns: 60 })
      golden(name, [...View.header(progress, shown), ...View.frame(progress, shown, begin + 5000, 0)])
    }
  })

  it("shows a failed run to its end, each row once", () => {
    const progress = progressOf(middle)
    const shown = [...View.settled(progress, look())]
    for (const live of rest) {
      Progress.observe(progress, live)
      shown.push(...View.settled(progress, look()))
    }
    golden("end", [...shown, View.summary(progress, look()), ...View.simulated(progress, look())])
    assert.deepStrictEqual(View.settled(progress, look()), [])
  })

  it("shows logs and results with verbose", () => {
    const progress = progressOf([
      ...middle,
      {
        _tag: "Chunk",
        task: "shorten",
        attempt: 1,
        index: 2,
        chunk: { _tag: "Log", level: "info", message: "loaded the model" }
      },
      ...rest
    ])
    golden("end-verbose", View.settled(progress, look({ verbose: true })))
  })

  it("shows what was under way when it is interrupted", () => {
    const progress = progressOf(middle)
    golden("interrupted", [...View.settled(progress, look()), ...View.interrupted(progress, look(), begin + 5000)])
  })

  it("shows what tasks write beneath them while they write, thoughts until there is an answer", () => {
    const talk = look({ columns: 60, rows: 30, talk: true })
    const progress = progressOf([...middle, ...talking])
    golden("talk", [
      ...View.frame(progress, talk, begin + 5000, 3),
      "-- small --",
      ...View.frame(progress, { ...talk, rows: 13 }, begin + 5000, 3)
    ])
    for (let rows = 5; rows < 30; rows++) {
      const frame = View.frame(progress, { ...talk, rows }, begin + 5000, 3)
      assert.isBelow(frame.length, rows)
      for (const line of frame) assert.isBelow(Text.width(line), 60, line)
    }
    const color = { ...talk, style: Style.make({ color: true, unicode: true }) }
    const dim = (text: string) => color.style.dim(text)
    assert.include(View.frame(progress, color, begin, 0).join("\n"), dim("Let me think about"))
    for (const live of rest) Progress.observe(progress, live)
    assert.isEmpty(progress.rows.flatMap(({ voices }) => [...voices]))
  })

  it("shows what is logged on lines of its own, beside how far the task says that it is", () => {
    const progress = progressOf(middle)
    const row = progress.byPath.get("shorten")
    const chunk = (index: number, chunk: Task.Chunk) =>
      Progress.observe(progress, { _tag: "Chunk", task: "shorten", attempt: 2, index, chunk })
    chunk(0, { _tag: "Text", text: "half a" })
    chunk(1, { _tag: "Progress", fraction: 0.5, message: "step 1" })
    chunk(2, { _tag: "Log", level: "info", message: "printed" })
    chunk(3, { _tag: "Log", level: "debug", message: "x = 1" })
    chunk(4, { _tag: "Log", level: "warning", message: "careful" })
    assert.deepStrictEqual(
      [...(row?.voices.values() ?? [])].map(({ text }) => text),
      ["half a\nprinted\ncareful\n"]
    )
    assert.strictEqual(row?.message, "step 1")
  })

  it("begins anew with each attempt, and marks what is missing", () => {
    const progress = progressOf(middle)
    const said = () => [...(progress.byPath.get("shorten")?.voices.values() ?? [])].map(({ text }) => text)
    const chunk = (attempt: number, index: number, text: string) =>
      Progress.observe(progress, { _tag: "Chunk", task: "shorten", attempt, index, chunk: { _tag: "Text", text } })
    chunk(2, 0, "Again")
    assert.deepStrictEqual(said(), ["Again"])
    Progress.observe(progress, { _tag: "Gap", task: "shorten", attempt: 2, from: 1, to: 8 })
    chunk(2, 9, "end")
    assert.deepStrictEqual(said(), ["Again\n…\nend"])
    Progress.observe(progress, { _tag: "Started", task: "shorten", attempt: 3, at: begin })
    assert.deepStrictEqual(said(), [])
  })

  it("a task that began before anybody watched is under way with its first words", () => {
    const progress = progressOf(middle.slice(0, 1))
    Progress.observe(progress, { _tag: "Gap", task: "shorten", attempt: 1, from: 0, to: 8 })
    assert.strictEqual(progress.byPath.get("shorten")?.status, "running")
  })

  it("keeps no more of a long text than it shows", () => {
    const progress = progressOf(middle)
    for (let index = 0; index < 5000; index++) {
      Progress.observe(progress, {
        _tag: "Chunk",
        task: "shorten",
        attempt: 1,
        index,
        chunk: { _tag: "Text", text: `word${index} ` }
      })
    }
    const [voice] = progress.byPath.get("shorten")?.voices.values() ?? []
    assert.isBelow(voice?.text.length ?? 0, 5000)
    assert.match(voice?.text ?? "", /^word\d+ .*word4999 $/)
  })

  it("fits every frame on the screen, however small, with what is under way first", () => {
    for (const columns of [20, 33, 79, 200]) {
      for (const rows of [5, 7, 24]) {
        const progress = progressOf(middle)
        const shown = look({ columns, rows })
        const frame = View.frame(progress, shown, begin + 5000, 1)
        assert.isBelow(frame.length, rows)
        if (columns >= 33) for (const line of frame) assert.isAtMost(Text.width(line), columns - 1, line)
      }
    }
    const small = View.frame(progressOf(middle), look({ rows: 7 }), begin, 0)
    assert.match(small[0] ?? "", /each page|count|shorten/)
    assert.include(small.join("\n"), "more tasks")
  })

  it("shows what waits and for what, tasks within tasks, and where results are from", () => {
    const progress = progressOf(waiting.waiting)
    const local = (line: string) => line.replaceAll(/until \d\d:\d\d:\d\d/g, "until HH:MM:SS")
    const lines = [
      ...View.header(progress, look()),
      ...View.settled(progress, look()),
      "-- frame --",
      ...View.frame(progress, look(), begin + 5000, 3),
      "-- rest --",
      ...View.rest(progress, look(), begin + 5000),
      View.summary(progress, look())
    ]
    golden("waiting", lines.map(local))
  })

  it("goes on with what waited, to its end", () => {
    const progress = progressOf([...waiting.waiting, ...waiting.goingOn])
    golden("waited", [...View.settled(progress, look()), View.summary(progress, look())])
    assert.strictEqual(progress.settled, progress.total)
    assert.strictEqual(progress.active.size + progress.open.size, 0)
  })

  it("shows a run that waits by its report as by what was watched", () => {
    const state = Run.empty(run)
    for (const live of waiting.waiting) if (live._tag === "Event") Run.fold(state, live.event)
    const reported = Progress.fromReport(Run.report(state))
    const watched = progressOf(waiting.waiting)
    const plain = (progress: Progress.Progress) =>
      View.all(progress, look()).map((line) => line.replaceAll(/\d+ ms| +/g, " ").trimEnd())
    // what a report does not hold: inner durations and timers
    assert.deepStrictEqual(
      plain(reported),
      plain(watched).map((line) => line.replace(/ sleeps until [\d :-]+/, "").trimEnd())
    )
    assert.strictEqual(View.summary(reported, look()), View.summary(watched, look()))
  })

  it("a signal is for whoever waits for its name", () => {
    const progress = progressOf(waiting.waiting)
    const signalled = (name: string, sequence: number) =>
      Progress.observe(progress, {
        _tag: "Event",
        sequence,
        event: { _tag: "Signalled", v: 1, at: begin + 3000, name, value: null }
      })
    signalled("letter", 100)
    assert.isTrue(progress.open.has("delivered"))
    signalled("parcel", 101)
    assert.isFalse(progress.open.has("delivered"))
    assert.strictEqual(progress.byPath.get("delivered")?.status, "pending")
  })

  it("what the end of a run cancelled begins anew with a retry", () => {
    const events: ReadonlyArray<Event.Event> = [
      { _tag: "RunCancelled", v: 1, at: begin + 6000 },
      { _tag: "RunRetried", v: 1, at: begin + 7000, owner: "me", tasks: [], again: [] }
    ]
    const progress = progressOf(middle)
    for (const [i, event] of events.entries()) Progress.observe(progress, { _tag: "Event", sequence: 20 + i, event })
    assert.deepStrictEqual(
      progress.rows.map(({ status }) => status),
      ["completed", "pending", "pending", "pending", "pending", "pending"]
    )
    assert.deepStrictEqual([progress.status, progress.settled], ["running", 1])
  })

  it("takes back what a retry takes back", () => {
    const progress = progressOf([...middle, ...rest])
    assert.lengthOf(View.settled(progress, look()), 10)
    const event: Event.Event = {
      _tag: "RunRetried",
      v: 1,
      at: begin + 80_000,
      owner: "me",
      tasks: ["count", "publish"],
      again: []
    }
    Progress.observe(progress, { _tag: "Event", sequence: 14, event })
    golden("retried", View.frame(progress, look(), begin + 81_000, 0))
    assert.deepStrictEqual([progress.settled, progress.counts["completed"], progress.counts["pending"]], [4, 3, 2])
  })

  it("says of a report what it says of the run that was watched", () => {
    const watched = progressOf([...middle, ...rest])
    assert.strictEqual(watched.settled, workflow.tasks.length)
    assert.strictEqual(watched.active.size, 0)
    assert.deepStrictEqual(watched.usage, { input: 331, output: 12_281, cost: 0 })
    assert.deepStrictEqual(watched.counts, {
      pending: 0,
      running: 0,
      retrying: 0,
      completed: 3,
      failed: 1,
      skipped: 2
    })
  })
})

describe("Lines", () => {
  it("tells a run in plain lines", () => {
    const options = { run, verbose: false, clock: (millis: number) => new Date(millis).toISOString().slice(11, 19) }
    golden(
      "plain",
      [...middle, ...rest].flatMap((live) => Lines.ofLive(live, begin, options))
    )
  })

  it("tells what a run waits for", () => {
    const options = { run, verbose: false, clock: (millis: number) => new Date(millis).toISOString().slice(11, 19) }
    golden(
      "plain-waiting",
      [...waiting.waiting, ...waiting.goingOn].flatMap((live) => Lines.ofLive(live, begin, options))
    )
  })

  it("tells results with verbose", () => {
    const options = { run, verbose: true, clock: () => "12:00:00" }
    const [, , , completed] = middle
    assert.deepStrictEqual(completed === undefined ? [] : Lines.ofLive(completed, begin, options), [
      "12:00:00 research completed in 1.3 s, 312 tokens",
      "    Five things",
      "    have happened."
    ])
  })
})
