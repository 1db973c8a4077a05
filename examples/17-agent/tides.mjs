import { createInterface } from "node:readline"
const highs = { Aberdeen: { at: "16:41", depth: 3.9 }, Dover: { at: "12:10", depth: 6.2 } }
const port = { name: "port", required: true, schema: { enum: Object.keys(highs) } }
const high = { name: "high", schema: { type: "object" } }
const next = {
  name: "tide/next",
  description: "The next high tide: at, and the depth in metres",
  params: [port],
  result: high,
  "x-gleitzeit-effects": "reads"
}
const document = { openrpc: "1.3.2", info: { title: "tides", version: "1" }, methods: [next] }
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: method === "rpc.discover" ? document : highs[params.port] }))
}
