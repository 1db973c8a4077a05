/**
 * An MCP server that goes wrong where it is told to. No SDK: what it sends is what stands here.
 *
 *     node server.mjs [--mode NAME,...] [--log FILE] [--name NAME]                by standard input and output
 *     node server.mjs --http [--port N] [--mode NAME,...] [--log FILE]            on 127.0.0.1, path /mcp
 *
 * By HTTP its first line on standard output is `{"url":"http://127.0.0.1:PORT/mcp"}`. `--log`: one line of JSON for each
 * start (`{"start":PID}`), each message that it has heard (`{"heard":{...}}`), each process of its own (`{"child":PID}`).
 *
 * Modes. At the start: `exit-start` (says why on standard error, code 3), `fail-twice` (so the first two times; needs
 * `--log`), `once` (so after the first time; needs `--log`), `silent`, `slow-start` (2.5 s), `old-protocol` (2024-11-05), `future-protocol` (2099-01-01), `banner` (lines
 * that are no frames before and between them). Its lists: `paged` (5 pages), `endless`, `bad-tools` (no input schema, the
 * same name twice, schemas that are none), `no-tools`, `alike` (`a.b` beside `b`), `no-list` (lists are refused).
 * As a process: `ignore-term`, `grandchild` (holds the pipes), `stderr-flood`, `no-ping`. By HTTP: `unauthorized` (401),
 * `token` (401 without `Authorization: Bearer let-me-in`), `html`, `redirect`, `sse` (the transport of 2024-11-05 alone),
 * `forgetful` (each session is good for one call), `forgetful-400` (the same with 400), `json` (answers without a stream).
 *
 * The tool `fault` goes wrong by its `kind`; see `faults`.
 */
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"

const { values: options } = parseArgs({
  options: {
    http: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    mode: { type: "string", default: "" },
    log: { type: "string" },
    name: { type: "string", default: "fake" }
  }
})
const modes = new Set(options.mode.split(","))
const note = (entry) => options.log !== undefined && appendFileSync(options.log, `${JSON.stringify(entry)}\n`)
const noted = () => (options.log === undefined ? "" : readFileSync(options.log, "utf8"))
const text = (said) => ({ content: [{ type: "text", text: said }] })

note({ start: process.pid })
const starts = noted().split(`{"start":`).length - 1
if (modes.has("exit-start") || (modes.has("fail-twice") && starts <= 2) || (modes.has("once") && starts > 1)) {
  process.stderr.write("fatal: the variable API_KEY is missing\n")
  process.exit(3)
}
if (modes.has("slow-start")) await new Promise((resolve) => setTimeout(resolve, 2500))
if (modes.has("ignore-term")) {
  process.on("SIGTERM", () => {})
  setInterval(() => {}, 1000)
}
if (modes.has("grandchild")) {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], {
    stdio: ["ignore", "inherit", "inherit"]
  })
  note({ child: child.pid })
}
if (modes.has("stderr-flood")) setInterval(() => process.stderr.write("x".repeat(65_536)), 5)

// what it offers

const object = (properties, required = []) => ({ type: "object", properties, required })
const string = { type: "string" }
const number = { type: "number" }
const tool = (name, inputSchema, more = {}) => ({ name, description: `The tool ${name}`, inputSchema, ...more })

let tools = [
  tool("echo", object({ text: string }, ["text"]), { annotations: { readOnlyHint: true } }),
  tool("add", object({ a: number, b: number }, ["a", "b"]), {
    annotations: { readOnlyHint: true },
    outputSchema: { ...object({ sum: number }, ["sum"]), additionalProperties: false }
  }),
  tool("remove", object({ path: string }, ["path"]), { annotations: { destructiveHint: true } }),
  tool("fault", object({ kind: string, size: number, ms: number }, ["kind"])),
  // what it gives is what it is told to give, whatever the schema says
  tool("claim", object({ value: {} }, ["value"]), { outputSchema: object({ n: number }, ["n"]) })
]
if (modes.has("bad-tools")) {
  tools.push(
    { name: "no-input" },
    tool("echo", object({ other: string })),
    tool("odd-input", { type: "object", properties: { x: { type: "wat" } } }),
    tool("odd-output", object({}), { outputSchema: { type: "object", properties: { n: { $ref: "#/nowhere" } } } }),
    "no tool at all"
  )
}
if (modes.has("no-tools")) tools = []
if (modes.has("alike")) tools = [tool("b", object({})), tool("a.b", object({}))]

const resources = [{ uri: "fake://note", name: "note", mimeType: "text/plain" }]
const prompts = [{ name: "greet", description: "Greets", arguments: [{ name: "who", required: true }] }]

// what it does

let asked = 0
/** What waits for an answer of the client, by the id of the question. */
const waiting = new Map()

/**
 * `kind` of the tool `fault`. `say`: where frames go; `raw`: the same without a frame, by standard output alone.
 */
const faults = {
  never: () => {},
  exit: () => process.exit(7),
  kill: () => process.kill(process.pid, "SIGKILL"),
  half: ({ id, raw }) =>
    raw(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"te`, () => process.exit(1)),
  "bad-json": ({ id, raw, say }) => {
    raw("{oops, no JSON}\n")
    say({ id, result: text("after bad JSON") })
  },
  "odd-frames": ({ id, raw, say }) => {
    raw(`null\n[1,2]\n"text"\n{"level":"info"}\n`)
    say({ id, result: text("after odd frames") })
  },
  "wrong-id": ({ id, say }) => {
    say({ id: 999_999, result: text("of another call") })
    say({ id, result: text("of this call") })
  },
  twice: ({ id, say }) => {
    say({ id, result: text("first") })
    say({ id, result: text("second") })
  },
  "no-content": ({ id, say }) => say({ id, result: { structuredContent: { a: 1 } } }),
  "unknown-block": ({ id, say }) => say({ id, result: { content: [{ type: "hologram", depth: 3 }] } }),
  "not-object": ({ id, say }) => say({ id, result: "hello" }),
  "string-code": ({ id, say }) => say({ id, error: { code: "E_STRING", message: "boom" } }),
  "rpc-error": ({ id, say }) => say({ id, error: { code: -32_603, message: "boom", data: { k: 1 } } }),
  "is-error": ({ id, say }) => say({ id, result: { ...text("the tool failed"), isError: true } }),
  big: ({ id, say, args }) => say({ id, result: text("y".repeat(args.size)) }),
  unicode: ({ id, say }) => say({ id, result: text("a\u2028b\u2029c \u{1f600} \0 d") }),
  "split-utf8": ({ id, raw }) => {
    const bytes = Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", id, result: text("a\u{1f600}b") })}\n`)
    const middle = bytes.indexOf(0xf0) + 2
    raw(bytes.subarray(0, middle), () => setTimeout(() => raw(bytes.subarray(middle)), 20))
  },
  change: ({ id, say }) => {
    tools = [...tools, tool(`more-${tools.length}`, object({}))]
    say({ method: "notifications/tools/list_changed" })
    say({ id, result: text("changed") })
  },
  shrink: ({ id, say }) => {
    tools = tools.filter(({ name }) => name === "fault")
    say({ method: "notifications/tools/list_changed" })
    say({ id, result: text("shrunk") })
  },
  slow: ({ id, say, args }) => setTimeout(() => say({ id, result: text("slow") }), args.ms),
  progress: ({ id, say, args, token }) => {
    for (let step = 1; step <= 3; step += 1) setTimeout(() => say(progress(token, step)), (step * args.ms) / 4)
    setTimeout(() => say({ id, result: text("progressed") }), args.ms)
  },
  "late-progress": ({ id, say, token }) => {
    say({ id, result: text("over") })
    say(progress(token, 3))
  },
  sample: (call) =>
    ask(call, "sampling/createMessage", {
      messages: [{ role: "user", content: { type: "text", text: "Say something" } }],
      maxTokens: 5
    }),
  elicit: (call) =>
    ask(call, "elicitation/create", { message: "Who are you?", requestedSchema: object({ name: string }) }),
  roots: (call) => ask(call, "roots/list", {}),
  env: ({ id, say }) => say({ id, result: text(JSON.stringify(process.env)) }),
  pid: ({ id, say }) => say({ id, result: text(String(process.pid)) }),
  cwd: ({ id, say }) => say({ id, result: text(process.cwd()) }),
  image: ({ id, say }) =>
    say({ id, result: { content: [{ type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" }] } }),
  blocks: ({ id, say }) =>
    say({
      id,
      result: {
        content: [
          { type: "text", text: "one" },
          { type: "audio", data: "UklGRg==", mimeType: "audio/wav" },
          { type: "resource_link", uri: "fake://note", name: "note" },
          { type: "resource", resource: { uri: "fake://note", mimeType: "text/plain", text: "embedded" } },
          { type: "text", text: "two" }
        ]
      }
    }),
  json: ({ id, say }) => say({ id, result: text(`{"answer":42,"list":[1,2]}`) }),
  deep: ({ id, say }) =>
    say({ id, result: { ...text("deep"), structuredContent: { d: JSON.parse("[".repeat(2000) + "]".repeat(2000)) } } }),
  /** By HTTP: the stream ends in the middle of the result. */
  cut: ({ cut }) => cut()
}

const progress = (progressToken, step) => ({
  method: "notifications/progress",
  params: { progressToken, progress: step, total: 3, message: `step ${step}` }
})

/** Asks the client and answers the call with what it says. */
const ask = ({ id, say }, method, params) => {
  const question = `question-${(asked += 1)}`
  waiting.set(question, (answer) => say({ id, result: text(JSON.stringify(answer)) }))
  say({ id: question, method, params })
}

const called = (call) => {
  const { args, id, name, say } = call
  switch (name) {
    case "echo":
      return say({ id, result: text(args.text) })
    case "add": {
      const sum = args.a + args.b
      return say({ id, result: { ...text(JSON.stringify({ sum })), structuredContent: { sum } } })
    }
    case "remove":
      return say({ id, result: text(`removed ${args.path}`) })
    case "claim":
      return say({ id, result: { ...text("claimed"), structuredContent: args.value } })
    case "fault": {
      const fault = faults[args.kind]
      if (fault !== undefined) return fault(call)
      return say({ id, result: { ...text(`no fault "${args.kind}"`), isError: true } })
    }
    default:
      if (tools.some((one) => one.name === name)) return say({ id, result: text(name) })
      return say({ id, error: { code: -32_602, message: `Unknown tool: ${name}` } })
  }
}

const page = (cursor) => {
  if (modes.has("endless")) return { tools: [tool(`p${(asked += 1)}`, object({}))], nextCursor: "again" }
  if (!modes.has("paged")) return { tools }
  const at = Number(cursor ?? 0)
  return { tools: [tool(`p${at}`, object({}))], ...(at < 4 ? { nextCursor: String(at + 1) } : {}) }
}

const protocolOf = (asked) =>
  modes.has("old-protocol") ? "2024-11-05" : modes.has("future-protocol") ? "2099-01-01" : asked

/** One message. `say` sends a frame, `raw` bytes, `cut` breaks the connection off. */
const hear = (message, { cut, raw, say }) => {
  note({ heard: message })
  if (modes.has("silent")) return
  const { id, method, params = {} } = message
  if (modes.has("banner")) raw(`{"level":"info","msg":"request"}\nServing...\n`)
  if (method === undefined) {
    const answer = waiting.get(id)
    waiting.delete(id)
    return answer?.(message.error ?? message.result)
  }
  if (id === undefined) return
  switch (method) {
    case "initialize":
      return say({
        id,
        result: {
          protocolVersion: protocolOf(params.protocolVersion),
          capabilities: { tools: { listChanged: true }, resources: {}, prompts: {}, completions: {}, logging: {} },
          serverInfo: { name: options.name, version: "1.2.3" },
          instructions: "Use it with care."
        }
      })
    case "ping":
      return modes.has("no-ping") ? undefined : say({ id, result: {} })
    case "tools/list":
      if (modes.has("no-list")) return say({ id, error: { code: -32_603, message: "lists are broken" } })
      return say({ id, result: page(params.cursor) })
    case "tools/call": {
      const { _meta, arguments: args = {}, name } = params
      return called({ args, cut, id, name, raw, say, token: _meta?.progressToken })
    }
    case "resources/list":
      return say({ id, result: { resources } })
    case "resources/templates/list":
      return say({ id, result: { resourceTemplates: [{ uriTemplate: "fake://{name}", name: "any" }] } })
    case "resources/read":
      return params.uri === "fake://note"
        ? say({ id, result: { contents: [{ uri: params.uri, mimeType: "text/plain", text: "A note." }] } })
        : say({ id, error: { code: -32_002, message: "Resource not found", data: { uri: params.uri } } })
    case "prompts/list":
      return say({ id, result: { prompts } })
    case "prompts/get":
      return say({
        id,
        result: { messages: [{ role: "user", content: { type: "text", text: `Greet ${params.arguments?.who}` } }] }
      })
    case "completion/complete":
      return say({ id, result: { completion: { values: ["Ada", "Alan"], total: 2, hasMore: false } } })
    case "logging/setLevel":
      return say({ id, result: {} })
    default:
      return say({ id, error: { code: -32_601, message: "Method not found" } })
  }
}

// by standard input and output

const byStdio = () => {
  const raw = (bytes, then) => process.stdout.write(bytes, then)
  const say = (frame) => raw(`${JSON.stringify({ jsonrpc: "2.0", ...frame })}\n`)
  if (modes.has("banner")) raw(`Server starting...\n{"level":"info"}\n[1,2,3]\n"text"\nnull\n`)
  createInterface({ input: process.stdin }).on("line", (line) => {
    hear(JSON.parse(line), { raw, say, cut: () => process.exit(1) })
  })
}

// by HTTP

const byHttp = async () => {
  // at the top it would double the time that it takes to start
  const { createServer } = await import("node:http")
  /** Calls that each session has made. */
  const sessions = new Map()
  /** Of the transport of 2024-11-05: the one stream. */
  const streams = new Map()

  const event = (frame) => `event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...frame })}\n\n`

  const posted = (request, response, message) => {
    const session = request.headers["mcp-session-id"]
    if (message.method === "initialize") {
      const id = randomUUID()
      sessions.set(id, 0)
      response.setHeader("mcp-session-id", id)
    } else if (message.method !== "server/discover" && !modes.has("sse")) {
      const calls = sessions.get(session)
      if (calls === undefined) {
        const status = modes.has("forgetful-400") ? 400 : 404
        const error = {
          code: -32_000,
          message: status === 400 ? "Bad Request: No valid session ID" : "Session not found"
        }
        return response
          .writeHead(status, { "content-type": "application/json" })
          .end(JSON.stringify({ jsonrpc: "2.0", id: null, error }))
      }
      if (message.method === "tools/call") {
        sessions.set(session, calls + 1)
        if (modes.has("forgetful") || modes.has("forgetful-400")) sessions.delete(session)
      }
    }
    if (message.id === undefined || message.method === undefined) {
      hear(message, { raw: () => {}, say: () => {}, cut: () => {} })
      return response.writeHead(202).end()
    }
    if (modes.has("json")) {
      response.setHeader("content-type", "application/json")
      const say = (frame) => frame.method === undefined && response.end(JSON.stringify({ jsonrpc: "2.0", ...frame }))
      return hear(message, { raw: () => {}, say, cut: () => response.destroy() })
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" }).flushHeaders()
    const say = (frame) => {
      if (response.writableEnded) return
      response.write(event(frame))
      if (frame.id === message.id && frame.method === undefined) response.end()
    }
    const cut = () => response.write(`event: message\ndata: {"jsonrpc":"2.0","id":`, () => response.destroy())
    hear(message, { raw: () => {}, say, cut })
  }

  const refusal = (request, response) => {
    if (modes.has("unauthorized") || (modes.has("token") && request.headers.authorization !== "Bearer let-me-in")) {
      response.writeHead(401, { "www-authenticate": "Bearer" }).end("no entrance")
      return true
    }
    if (modes.has("redirect") && request.url === "/mcp") {
      response.writeHead(307, { location: "/moved" }).end()
      return true
    }
    if (modes.has("html")) {
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>")
      return true
    }
    return false
  }

  const bodyOf = (request, then) => {
    const parts = []
    request.on("data", (part) => parts.push(part)).on("end", () => then(JSON.parse(Buffer.concat(parts).toString())))
  }

  const server = createServer((request, response) => {
    if (refusal(request, response)) return
    const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1")
    if (modes.has("sse")) {
      if (request.method === "GET" && pathname === "/mcp") {
        const id = randomUUID()
        streams.set(id, response)
        response.writeHead(200, { "content-type": "text/event-stream" })
        return response.write(`event: endpoint\ndata: /messages?session=${id}\n\n`)
      }
      if (request.method !== "POST" || pathname !== "/messages") return response.writeHead(405).end()
      const stream = streams.get(searchParams.get("session"))
      return bodyOf(request, (message) => {
        response.writeHead(202).end()
        hear(message, { raw: () => {}, say: (frame) => stream.write(event(frame)), cut: () => stream.destroy() })
      })
    }
    if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end()
    bodyOf(request, (message) => posted(request, response, message))
  })
  server.listen(Number(options.port), "127.0.0.1", () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/mcp` })}\n`)
  })
}

if (options.http) await byHttp()
else byStdio()
