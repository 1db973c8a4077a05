/** How an answer goes out: a line as soon as it is there, and not a line more than its reader takes. */
import { Effect, type Schema, Stream } from "effect"
import type { ServerResponse } from "node:http"
import type { Answer } from "./Answers.ts"

/** How one request for text is treated, instead of simply being answered. Chunks are lines of a stream. */
export type Behaviour =
  | Instead
  /** Says nothing more, before the headers or after some chunks, until it is released. */
  | { readonly hold: "headers" | number }
  /** The connection breaks. */
  | { readonly cutAfter: number }
  /** The answer ends as if it were whole, without a last line. */
  | { readonly endAfter: number }
  /** A line that is not what belongs there, and nothing after it. */
  | { readonly lineAfter: number; readonly line: string }
  /** A line too many, and then on. */
  | { readonly insertAfter: number; readonly line: string }

/** Another answer altogether, at once: no model is asked. */
export type Instead =
  /** Text is sent as it is, anything else as JSON. */
  | { readonly status: number; readonly body?: Schema.Json; readonly headers?: { readonly [name: string]: string } }
  /** These bytes as the body of a stream, as far as possible each in a packet of its own. */
  | { readonly raw: ReadonlyArray<string | Uint8Array> }

export const isInstead = (behaviour: Behaviour): behaviour is Instead => "status" in behaviour || "raw" in behaviour

/** Sends an answer that no model gives. */
export const sendInstead = (out: ServerResponse, instead: Instead): void => {
  if ("raw" in instead) {
    out.writeHead(200, { "content-type": "application/x-ndjson" })
    writeApart([...instead.raw], out)
  } else {
    const { body = "", headers = {}, status } = instead
    const text = typeof body === "string"
    out.writeHead(status, { "content-type": text ? "text/html" : "application/json", ...headers })
    out.end(text ? body : JSON.stringify(body))
  }
}

/** Ends when the answer has. What holds is put on `held`, to be called for going on. */
export const send = (
  out: ServerResponse,
  answer: Answer,
  behaviour: Exclude<Behaviour, Instead> | undefined,
  held: Array<() => void>
): Effect.Effect<void> => {
  const head = (status = answer.status, stream = answer.stream) => {
    if (out.headersSent) return
    out.writeHead(status, { "content-type": stream ? "application/x-ndjson" : "application/json; charset=utf-8" })
  }
  const write = (line: string) =>
    Effect.suspend(() => {
      head()
      return out.write(answer.stream ? `${line}\n` : line) ? Effect.void : drained(out)
    })
  const hold = Effect.callback<void>((resume) => void held.push(() => resume(Effect.void)))

  /** The end is made already. */
  let over = false

  /** Does what is to be done at this place, and says whether the answer goes on. */
  const act: Effect.Effect<boolean> = Effect.gen(function* () {
    if (behaviour === undefined) return true
    if ("hold" in behaviour) {
      if (behaviour.hold === 0) {
        head()
        out.flushHeaders()
      }
      yield* hold
      return true
    }
    if ("insertAfter" in behaviour) {
      yield* write(behaviour.line)
      return true
    }
    over = true
    if ("lineAfter" in behaviour) yield* write(behaviour.line)
    head()
    // What was written has to leave before the connection breaks.
    if ("cutAfter" in behaviour) out.write("", () => setImmediate(() => out.destroy()))
    else out.end()
    return false
  })

  const place = placeOf(behaviour)
  let sent = 0
  const goesOn = Stream.runForEachWhile(answer.lines, (line) =>
    Effect.gen(function* () {
      if (sent++ === place && !(yield* act)) return false
      yield* write(line)
      return true
    })
  ).pipe(
    Effect.andThen(Effect.suspend(() => (sent <= place ? act : Effect.succeed(true)))),
    Effect.catch(({ message }: Error) =>
      Effect.sync(() => {
        // Too late for a status; the words are the last line then.
        head(500, false)
        out.write(`${JSON.stringify({ error: message })}\n`)
      })
    )
  )
  return Effect.andThen(
    goesOn,
    Effect.sync(() => {
      if (!over) out.end()
    })
  )
}

// internal

/** Lines before something happens. */
const placeOf = (behaviour: Exclude<Behaviour, Instead> | undefined): number => {
  if (behaviour === undefined) return Infinity
  if ("hold" in behaviour) return behaviour.hold === "headers" ? 0 : behaviour.hold
  if ("cutAfter" in behaviour) return behaviour.cutAfter
  if ("endAfter" in behaviour) return behaviour.endAfter
  return "lineAfter" in behaviour ? behaviour.lineAfter : behaviour.insertAfter
}

const drained = (out: ServerResponse) =>
  Effect.callback<void>((resume) => {
    const go = () => resume(Effect.void)
    out.once("drain", go)
    return Effect.sync(() => out.off("drain", go))
  })

const writeApart = (pieces: Array<string | Uint8Array>, out: ServerResponse): void => {
  const piece = pieces.shift()
  if (piece === undefined) out.end()
  else out.write(piece, () => setImmediate(() => writeApart(pieces, out)))
}
