// What a model might say, turn by turn: it reads what it has been told, as a model does.
import { createInterface } from "node:readline"

const say = (messages) => {
  const text = messages.map(({ content }) => content).join("\n")
  const depth = /"depth":([\d.]+)/.exec(text)?.[1]
  const left = /"result":(-?[\d.]+)/.exec(text)?.[1]
  const [, draught, port] = /draws ([\d.]+) m leave (\w+)/.exec(text) ?? []
  if (depth === undefined) return { tool: "tide/next", arguments: { port } }
  if (left === undefined) return { tool: "data/eval", arguments: { expr: `${depth} - ${draught}` } }
  return { answer: { yes: Number(left) > 0, metres: Number(left) } }
}

const chat = {
  name: "llm/chat",
  description: "Follows a script",
  params: ["messages", "system", "schema"].map((name) => ({ name, schema: {} })),
  result: { name: "reply", schema: { type: "object" } },
  "x-gleitzeit-effects": "reads"
}
const document = { openrpc: "1.3.2", info: { title: "model", version: "1" }, methods: [chat] }

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  const said = method === "rpc.discover" ? undefined : say(params.messages)
  const result = said === undefined ? document : { content: JSON.stringify(said), result: said }
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }))
}
