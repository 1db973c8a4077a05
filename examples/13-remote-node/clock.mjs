import { createServer } from "node:http"
const zone = { name: "zone", required: true, schema: { enum: Intl.supportedValuesOf("timeZone") } }
const at = { name: "at", required: true, schema: { type: "string", format: "date-time" } }
const clock = { name: "clock/local", params: [zone, at], result: { name: "time", schema: { type: "string" } } }
const document = { openrpc: "1.3.2", info: { title: "clock", version: "1" }, methods: [clock] }
const local = ({ at, zone }) => new Date(at).toLocaleTimeString("en-GB", { timeZone: zone })
createServer(async (request, response) => {
  const { id, method, params } = await new Response(request).json()
  response.end(JSON.stringify({ jsonrpc: "2.0", id, result: method === "rpc.discover" ? document : local(params) }))
}).listen(9013, "127.0.0.1")
