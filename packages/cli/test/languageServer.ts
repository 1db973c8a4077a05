/** The YAML language server as an editor has it: a process that is spoken to over its standard streams. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

export interface LanguageServer {
  /** `line:column message` of each mistake, both from 1, in order. */
  readonly diagnostics: (text: string) => Effect.Effect<ReadonlyArray<string>>
  /** What is offered where `‸` stands. */
  readonly completion: (
    text: string
  ) => Effect.Effect<ReadonlyArray<{ readonly label: string; readonly about: string }>>
  /** What is shown where `‸` stands. */
  readonly hover: (text: string) => Effect.Effect<string>
}

const bin = fileURLToPath(import.meta.resolve("yaml-language-server/bin/yaml-language-server"))

/** Nothing is fetched: no catalog of schemas, and documents name their own. */
const settings = { yaml: { schemaStore: { enable: false }, validate: true, hover: true, completion: true } }

/** `folder` is that of the documents, which are not written. */
export const make = (folder: string): Effect.Effect<LanguageServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [bin, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    /** By the number of a request, or by the address of a document whose mistakes are waited for. */
    const waiting = new Map<unknown, (result: any) => void>()
    let received = Buffer.alloc(0)
    let last = 0

    const send = (message: object) => {
      const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }))
      child.stdin.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]))
    }
    const answer = (key: unknown, result: unknown) => {
      waiting.get(key)?.(result)
      waiting.delete(key)
    }
    const read = ({ error, id, method, params, result }: any) => {
      if (method === undefined) answer(id, result ?? error)
      else if (id !== undefined) {
        const items = params.items ?? []
        send({ id, result: items.map(({ section }: any) => Reflect.get(settings, section) ?? null) })
      } else if (method === "textDocument/publishDiagnostics") answer(params.uri, params.diagnostics)
    }
    child.stdout.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      for (;;) {
        const start = received.indexOf("\r\n\r\n") + 4
        const end = start + Number(/Content-Length: (\d+)/.exec(received.toString("latin1", 0, start))?.[1])
        if (start < 4 || received.length < end) return
        const message = JSON.parse(received.toString("utf8", start, end))
        received = received.subarray(end)
        read(message)
      }
    })

    const wait = (key: unknown, begin: () => void) =>
      Effect.callback<any>((resume) => {
        waiting.set(key, (result) => resume(Effect.succeed(result)))
        begin()
      })
    const request = (method: string, params: object) =>
      Effect.suspend(() => {
        const id = ++last
        return wait(id, () => send({ id, method, params }))
      })
    const open = (text: string) => {
      const uri = pathToFileURL(join(folder, `${++last}.yaml`)).href
      const textDocument = { uri, languageId: "yaml", version: 1, text }
      return { uri, send: () => send({ method: "textDocument/didOpen", params: { textDocument } }) }
    }
    const at = (method: string, text: string) =>
      Effect.suspend(() => {
        const before = text.slice(0, text.indexOf("‸")).split("\n")
        const document = open(text.replace("‸", ""))
        document.send()
        const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 }
        return request(method, { textDocument: { uri: document.uri }, position })
      })

    const markdown = ["markdown"]
    yield* request("initialize", {
      processId: process.pid,
      rootUri: pathToFileURL(folder).href,
      capabilities: {
        workspace: { configuration: true },
        textDocument: {
          hover: { contentFormat: markdown },
          completion: { completionItem: { documentationFormat: markdown } }
        }
      }
    })
    send({ method: "initialized", params: {} })
    send({ method: "workspace/didChangeConfiguration", params: { settings } })

    return {
      diagnostics: (text) =>
        Effect.suspend(() => {
          const { send, uri } = open(text)
          return Effect.map(wait(uri, send), (found: ReadonlyArray<any>) =>
            found
              .map(({ message, range: { start } }) => ({ message, line: start.line + 1, column: start.character + 1 }))
              .toSorted((a, b) => a.line - b.line || a.column - b.column)
              .map(({ column, line, message }) => `${line}:${column} ${message}`)
          )
        }),
      completion: (text) =>
        Effect.map(at("textDocument/completion", text), ({ items }) =>
          items.map(({ documentation, label }: any) => ({ label, about: documentation?.value ?? documentation ?? "" }))
        ),
      hover: (text) => Effect.map(at("textDocument/hover", text), (found) => found?.contents.value ?? "")
    }
  })
