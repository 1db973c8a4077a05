/**
 * A server of both eras on the SDK: by standard input and output, or with `--http` on 127.0.0.1, which its first line on
 * standard output says. Its tools: `echo`, `headed` (a param travels in a header), `bad-header` (one that cannot),
 * `more` (adds a tool), `steps` (tells progress); by HTTP `cut` (ends the streams of changes).
 */
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"
import { createServer } from "node:http"

const text = (said) => ({ content: [{ type: "text", text: said }] })
const object = (properties) => fromJsonSchema({ type: "object", properties })
const streams = new Set()
let more = 0
let handler

const build = () => {
  const server = new McpServer({ name: "modern", version: "2.0.0" }, { instructions: "Both eras." })
  server.registerTool("echo", { inputSchema: object({ text: { type: "string" } }) }, (args) => text(args.text))
  server.registerTool(
    "headed",
    { inputSchema: object({ region: { type: "string", "x-mcp-header": "Region" } }) },
    (args, ctx) => text(`${args.region} ${ctx.http?.req?.headers.get("mcp-param-region")}`)
  )
  server.registerTool(
    "bad-header",
    { inputSchema: object({ tags: { type: "array", items: { type: "string" }, "x-mcp-header": "Tags" } }) },
    () => text("never")
  )
  server.registerTool("steps", { inputSchema: object({}) }, async (_args, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken
    for (let progress = 1; progress <= 2; progress += 1) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 2 } })
    }
    return text("done")
  })
  server.registerTool("more", {}, () => {
    more += 1
    handler?.notify.toolsChanged()
    return text("more")
  })
  server.registerTool("cut", {}, () => {
    for (const stream of streams) stream.destroy()
    return text("cut")
  })
  for (let index = 0; index < more; index += 1) server.registerTool(`more-${index}`, {}, () => text("more"))
  return server
}
if (process.argv.includes("--http")) {
  handler = createMcpHandler(build)
  createServer((request, response) => {
    const parts = []
    request
      .on("data", (part) => parts.push(part))
      .on("end", async () => {
        const { method } = request
        if (request.headers["mcp-method"] === "subscriptions/listen") streams.add(response)
        const body = method === "POST" ? Buffer.concat(parts) : undefined
        const answer = await handler.fetch(
          new Request(`http://${request.headers.host}${request.url}`, { method, headers: request.headers, body })
        )
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        if (answer.body !== null) for await (const part of answer.body) response.write(part)
        response.end()
      })
  }).listen(0, "127.0.0.1", function () {
    process.stdout.write(`127.0.0.1:${this.address().port}\n`)
  })
} else serveStdio(build)
