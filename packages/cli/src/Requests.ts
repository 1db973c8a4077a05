/** What a run waits for, and the commands that make it go on, for people. */
import type { Run } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Answer from "./Answer.ts"
import * as Invocation from "./Invocation.ts"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

/** Why a run rests before its end, and how it goes on; empty when it does not. */
export const told = Effect.fnUntraced(function* (report: Run.Outcome, style: Style) {
  if (report.status !== "waiting") return []
  const lines = yield* listed(report, style)
  return lines.length > 0 ? lines : [`waits for its time: ${yield* Invocation.of("resume", report.run)}`]
})

/** All that is asked, each with how it is answered, two or more lines each. */
export const listed = Effect.fn("gleitzeit.requests")(function* (report: Run.Outcome, style: Style) {
  const lines: Array<string> = []
  for (const request of report.waiting) {
    lines.push(...title(request, style), ...(yield* commands(report.run, request, style)))
  }
  return lines
})

/** What is asked, for whoever is to answer at once: with what may be chosen, and what is to be written. */
export const asked = (request: Run.Request, style: Style): ReadonlyArray<string> => {
  const choices = request.kind === "approval" ? [] : (Answer.choices(request) ?? [])
  const numbered = Answer.isNumbered(choices)
  const byDefault = Answer.byDefault(request)
  const taken = byDefault === undefined ? "" : `; nothing for ${Answer.shown(byDefault)}`
  return [
    ...title(request, style),
    ...choices.map((choice, i) => `  ${numbered ? `${style.dim(`${i + 1}`)}  ` : ""}${Answer.shown(choice)}`),
    style.dim(`  ${Answer.expected(request)}${taken}`)
  ]
}

// internal

/** What is asked, the first line with the request's name and until when. */
const title = (request: Run.Request, { bold, dim, signs, yellow }: Style): ReadonlyArray<string> => {
  const [first = "", ...rest] = Text.clean(request.prompt ?? wordless(request))
    .trimEnd()
    .split("\n")
  const until = request.expires === undefined ? "" : dim(` (until ${Text.dateTime(request.expires)})`)
  return [
    `${yellow(signs.suspended)} ${bold(Text.flat(request.request))}  ${first}${until}`,
    ...rest.map((line) => `  ${line}`)
  ]
}

const wordless = ({ kind }: Run.Request): string =>
  kind === "pause" ? "the run is paused" : kind === "signal" ? "waits for a signal" : "an answer is needed"

const commands = (run: string, request: Run.Request, style: Style) =>
  Effect.gen(function* () {
    const line = (command: string, remark = "") => `    ${command}${remark === "" ? "" : style.dim(`  # ${remark}`)}`
    if (request.kind === "pause") {
      return [
        line(yield* Invocation.of("resume", run), "goes on"),
        line(yield* Invocation.of("step", run), "runs one task")
      ]
    }
    if (request.kind === "signal") return [line(yield* Invocation.of("signal", run, fact(request, "name") ?? "NAME"))]
    const [example, remark] = answer(request)
    return [line(yield* Invocation.of("respond", run, request.request, example), remark)]
  })

const answer = (request: Run.Request): readonly [example: string, remark: string] => {
  if (request.kind === "approval") return ["yes", "or no"]
  if (request.kind === "budget") {
    const limit = fact(request, "limit") ?? "tokens"
    return [`${limit}=${more[limit] ?? "10000"}`, "what it may be from now on; other limits stay"]
  }
  const [first, ...others] = Answer.choices(request) ?? []
  if (first !== undefined) {
    return [Answer.shown(first), others.length === 0 ? "" : `or ${others.slice(0, 8).map(Answer.shown).join(", ")}`]
  }
  const expected = Answer.expected(request)
  return expected === "text" ? ["TEXT", ""] : ["JSON", expected === "JSON, or text" ? "or text" : expected]
}

/** Of each limit, an example. */
const more: Readonly<Record<string, string>> = { calls: "100", cost_usd: "5", duration: "1h" }

/** What is known of a request besides its words. */
const fact = ({ data }: Run.Request, name: string): string | undefined => {
  const value = typeof data === "object" && data !== null && !Array.isArray(data) ? Object.entries(data) : []
  const found = value.find(([key]) => key === name)?.[1]
  return typeof found === "string" ? found : undefined
}
