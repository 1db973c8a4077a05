// An MCP server: it tells its tools, and calls them.
import { createInterface } from "node:readline"
const takes = (type, ...names) => ({
  type: "object",
  properties: Object.fromEntries(names.map((n) => [n, { type }])),
  required: names
})
const tools = {
  echo: { inputSchema: takes("string", "message"), call: ({ message }) => message },
  add: { inputSchema: takes("number", "a", "b"), call: ({ a, b }) => a + b },
  multiply: { inputSchema: takes("number", "a", "b"), call: ({ a, b }) => a * b },
  concat: { inputSchema: takes("string", "a", "b"), call: ({ a, b }) => a + b }
}
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "tools", version: "1" }
  }),
  "tools/list": () => ({ tools: Object.entries(tools).map(([name, { inputSchema }]) => ({ name, inputSchema })) }),
  "tools/call": ({ name, arguments: args }) => ({ content: [{ type: "text", text: String(tools[name].call(args)) }] })
}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method]?.(params) ?? {} }))
}
