/**
 * What is asked of a container engine: a few calls of the Docker API, over a unix socket of this machine. Docker and
 * podman answer them alike. The only file that knows `node:http`.
 */
import { Data, Effect, Result, Schema } from "effect"
import { type IncomingMessage, request as httpRequest } from "node:http"

/** All but `wait` give up after a minute. */
export interface Engine {
  /** Such as `unix:///var/run/docker.sock`. */
  readonly where: string
  /** Says that it is there, and which it is: the name of its command. */
  readonly program: Effect.Effect<Program, EngineFailed>
  /** The image, or undefined when it is not there. */
  readonly image: (name: string) => Effect.Effect<Image | undefined, EngineFailed>
  /** Only made, not begun. */
  readonly create: (body: Schema.Json) => Effect.Effect<Created, EngineFailed>
  readonly start: (id: string) => Effect.Effect<void, EngineFailed>
  /** Its exit code, once it has one. */
  readonly wait: (id: string) => Effect.Effect<number, EngineFailed>
  /** The last of what it wrote. */
  readonly logs: (id: string) => Effect.Effect<string, EngineFailed>
  /** Kills and removes it, with its volumes. No failure when it is gone. */
  readonly remove: (id: string) => Effect.Effect<void, EngineFailed>
  /** All that bear the label (`name=value`), whether they run or not. */
  readonly list: (label: string) => Effect.Effect<ReadonlyArray<Listed>, EngineFailed>
}

export type Program = "docker" | "podman"

export interface Image {
  /** What programs in it are given unless they are given other. */
  readonly env: { readonly [name: string]: string }
}

export interface Created {
  readonly id: string
  /** What it was asked for and does not do. */
  readonly warnings: ReadonlyArray<string>
}

export interface Listed {
  readonly id: string
  readonly running: boolean
  readonly labels: { readonly [name: string]: string }
}

/** It does not do what it was asked for. Without a status it has not even answered. */
export class EngineFailed extends Data.TaggedError("EngineFailed")<{
  readonly reason: string
  readonly status: number | undefined
}> {}

export const make = (socketPath: string): Engine => {
  const ask = (method: Method, path: string, body?: Schema.Json) => exchange(socketPath, method, path, body)
  const call = (method: Method, path: string, body?: Schema.Json) => limited(accepted(ask(method, path, body)))
  return {
    where: `unix://${socketPath}`,
    program: Effect.flatMap(call("GET", "/_ping"), programOf),
    image: (name) =>
      limited(ask("GET", `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`)).pipe(
        Effect.flatMap((answer) =>
          answer.status === 404
            ? Effect.succeed(undefined)
            : Effect.map(Effect.flatMap(accepted(Effect.succeed(answer)), decoded(ImageAnswer)), imageOf)
        )
      ),
    create: (body) =>
      Effect.map(
        Effect.flatMap(call("POST", "/containers/create", body), decoded(CreateAnswer)),
        ({ Id, Warnings }) => ({ id: Id, warnings: Warnings ?? [] })
      ),
    start: (id) => Effect.asVoid(call("POST", `/containers/${id}/start`)),
    wait: (id) =>
      Effect.map(
        Effect.flatMap(accepted(ask("POST", `/containers/${id}/wait`)), decoded(WaitAnswer)),
        ({ StatusCode }) => StatusCode
      ),
    logs: (id) =>
      Effect.map(call("GET", `/containers/${id}/logs?stdout=1&stderr=1&tail=20`), ({ bytes }) => textOf(bytes)),
    remove: (id) =>
      limited(ask("DELETE", `/containers/${id}?force=1&v=1`)).pipe(
        // 404: nobody has it any more, 409: it is being removed
        Effect.flatMap((answer) =>
          answer.status === 404 || answer.status === 409 ? Effect.void : Effect.asVoid(accepted(Effect.succeed(answer)))
        )
      ),
    list: (label) =>
      Effect.map(
        Effect.flatMap(
          call("GET", `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`),
          decoded(ListAnswer)
        ),
        (all) => all.map(({ Id, Labels, State }) => ({ id: Id, running: State === "running", labels: Labels ?? {} }))
      )
  }
}

/** What a container has written, as the engine tells it: pieces with a head of eight bytes, the stream and the length. */
export const textOf = (bytes: Uint8Array): string => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ""
  let at = 0
  while (at + 8 <= all.length) {
    // a terminal's output has no heads
    if (all.readUInt32BE(at) & 0xfcffffff) return all.toString("utf8")
    const end = at + 8 + all.readUInt32BE(at + 4)
    text += all.toString("utf8", at + 8, end)
    at = end
  }
  return text
}

// internal

type Method = "GET" | "POST" | "DELETE"

const patience = 60_000

/** Bytes of an answer. */
const longest = 4 * 1024 ** 2

const ImageAnswer = Schema.Struct({
  Config: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ Env: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))) }))
  )
})

const CreateAnswer = Schema.Struct({
  Id: Schema.NonEmptyString,
  Warnings: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

const WaitAnswer = Schema.Struct({ StatusCode: Schema.Int })

const ListAnswer = Schema.Array(
  Schema.Struct({
    Id: Schema.NonEmptyString,
    State: Schema.optionalKey(Schema.String),
    Labels: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))
  })
)

const Refusal = Schema.fromJsonString(Schema.Struct({ message: Schema.String }))

const programOf = ({ bytes, server, status }: Answer): Effect.Effect<Program, EngineFailed> =>
  Buffer.from(bytes).toString("utf8").trim() === "OK"
    ? Effect.succeed(/libpod|podman/i.test(server) ? "podman" : "docker")
    : Effect.fail(failed(strange, status))

const imageOf = ({ Config }: typeof ImageAnswer.Type): Image => ({
  env: Object.fromEntries(
    (Config?.Env ?? []).flatMap((line) => {
      const middle = line.indexOf("=")
      return middle < 1 ? [] : [[line.slice(0, middle), line.slice(middle + 1)]]
    })
  )
})

interface Answer {
  readonly status: number
  /** What it calls itself. */
  readonly server: string
  readonly bytes: Uint8Array
}

const strange = "it does not answer as a container engine does"

const failed = (reason: string, status?: number): EngineFailed => new EngineFailed({ reason, status })

const limited = <A>(effect: Effect.Effect<A, EngineFailed>): Effect.Effect<A, EngineFailed> =>
  Effect.timeoutOrElse(effect, {
    duration: patience,
    orElse: () => Effect.fail(failed(`no answer within ${patience / 1000} s`))
  })

const accepted = (answer: Effect.Effect<Answer, EngineFailed>): Effect.Effect<Answer, EngineFailed> =>
  Effect.flatMap(answer, (whole) => {
    const { bytes, status } = whole
    // 304: it is as was asked for already
    if ((status >= 200 && status < 300) || status === 304) return Effect.succeed(whole)
    const text = Buffer.from(bytes).toString("utf8")
    const refusal = Schema.decodeUnknownResult(Refusal)(text)
    const words = Result.isSuccess(refusal) ? refusal.success.message : text.trim()
    return Effect.fail(failed(words === "" ? `status ${status}` : words.slice(0, 2000), status))
  })

const decoded =
  <A>(schema: Schema.Codec<A, Schema.Json>) =>
  ({ bytes, status }: Answer): Effect.Effect<A, EngineFailed> => {
    const answer = Schema.decodeUnknownResult(Schema.fromJsonString(schema))(Buffer.from(bytes).toString("utf8"))
    return Result.isSuccess(answer) ? Effect.succeed(answer.success) : Effect.fail(failed(strange, status))
  }

/** One request, and all of its answer. Interruption closes the socket. */
const exchange = (
  socketPath: string,
  method: Method,
  path: string,
  body: Schema.Json | undefined
): Effect.Effect<Answer, EngineFailed> =>
  Effect.callback((resume) => {
    const fail = (error: Error) => resume(Effect.fail(failed(wordsOf(error))))
    const read = (response: IncomingMessage) => {
      const chunks: Array<Uint8Array> = []
      let size = 0
      response.on("data", (chunk: Uint8Array) => {
        size += chunk.byteLength
        if (size > longest) request.destroy(new Error(`an answer of more than ${longest} bytes`))
        else chunks.push(chunk)
      })
      response.on("end", () => {
        const { headers, statusCode = 0 } = response
        resume(
          Effect.succeed({ status: statusCode, server: String(headers["server"] ?? ""), bytes: Buffer.concat(chunks) })
        )
      })
      response.on("error", fail)
      response.on("close", () => fail(new Error("the answer ended before it was complete")))
    }
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const request = httpRequest(
      {
        socketPath,
        method,
        path,
        agent: false,
        headers: {
          host: "localhost",
          ...(bytes === undefined ? {} : { "content-type": "application/json", "content-length": bytes.byteLength })
        }
      },
      read
    )
    request.on("error", fail)
    request.end(bytes)
    return Effect.sync(() => request.destroy())
  })

const wordsOf = (error: Error): string => {
  const code = "code" in error ? error.code : undefined
  if (code === "ENOENT") return "not there"
  if (code === "ECONNREFUSED") return "nothing listens there"
  if (code === "EACCES") return "this user may not use it"
  return error.message
}
