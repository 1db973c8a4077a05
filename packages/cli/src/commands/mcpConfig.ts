/** `gleitzeit mcp config --client CLIENT [FOLDER] [--http PORT]` */
import { Effect, Option } from "effect"
import { resolve } from "node:path"
import { Command, Flag } from "../Cli.ts"
import * as ConfigFiles from "../ConfigFiles.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import { workflows } from "./mcpServe.ts"

export type Client = "claude" | "cursor" | "vscode" | "codex"

export const config = Command.make(
  "config",
  {
    client: Flag.Literals("client", ["claude", "cursor", "vscode", "codex"]).pipe(
      Flag.withDescription("Who is to use the workflows: Claude (Desktop and Code), Cursor, VS Code or Codex")
    ),
    folder: workflows,
    http: Flag.Int("http").pipe(
      Flag.withMetavar("PORT"),
      Flag.withDescription("For a server that runs already: gleitzeit mcp serve --http PORT --token-file FILE"),
      Flag.optional
    )
  },
  Effect.fn("gleitzeit.mcp.config")(function* ({ client, folder, http }) {
    const output = yield* Output
    const looks = yield* ConfigFiles.find(yield* Machine.places)
    const project = looks.find(({ file, level }) => file !== undefined && level === "project")?.file?.path
    const { file, text } = snippet(client, {
      // where a client starts programs nobody knows
      folder: resolve(folder),
      config: project === undefined ? undefined : resolve(project),
      port: Option.getOrUndefined(http)
    })
    if (output.options.json) return yield* output.json({ client, file, text })
    if (!output.options.quiet) yield* output.note(`for ${file}:`)
    yield* output.data(text)
  })
).pipe(
  Command.withDescription("Print what makes an MCP client use the workflows of a folder, and the file where it goes"),
  Command.withShortDescription("Print the configuration of an MCP client"),
  Command.withExamples([
    { command: "gleitzeit mcp config --client claude flows" },
    { command: "gleitzeit mcp config --client vscode --http 7345", description: "For a server that runs already" }
  ])
)

export interface Place {
  readonly folder: string
  /** The project's settings, if it has any. */
  readonly config: string | undefined
  /** Absent: the client starts the server. */
  readonly port: number | undefined
}

export interface Snippet {
  /** Where it goes. */
  readonly file: string
  readonly text: string
}

/** A token never stands in it: clients take it from the variable `GLEITZEIT_MCP_TOKEN`, VS Code asks for it. */
export const snippet = (client: Client, place: Place): Snippet => {
  const started = { command: "npx", args: argumentsOf(place) }
  switch (client) {
    case "claude":
      return {
        file: ".mcp.json (Claude Code) or claude_desktop_config.json (Claude Desktop)",
        text: json({ mcpServers: { gleitzeit: remote(place, `\${${variable}}`) ?? started } })
      }
    case "cursor": {
      const { type: _, ...reached } = remote(place, `\${env:${variable}}`) ?? { type: "", ...started }
      return { file: ".cursor/mcp.json", text: json({ mcpServers: { gleitzeit: reached } }) }
    }
    case "vscode": {
      const reached = remote(place, "${input:gleitzeit-token}")
      const inputs = [{ type: "promptString", id: "gleitzeit-token", description: "Gleitzeit's token", password: true }]
      return {
        file: ".vscode/mcp.json",
        text: json(
          reached === undefined
            ? { servers: { gleitzeit: { type: "stdio", ...started } } }
            : { inputs, servers: { gleitzeit: reached } }
        )
      }
    }
    case "codex":
      return { file: "~/.codex/config.toml", text: toml(place) }
  }
}

// internal

const variable = "GLEITZEIT_MCP_TOKEN"

const argumentsOf = ({ config, folder }: Place): ReadonlyArray<string> => [
  "-y",
  "gleitzeit",
  "mcp",
  "serve",
  folder,
  ...(config === undefined ? [] : ["--config", config])
]

const urlOf = (port: number): string => `http://127.0.0.1:${port}/mcp`

const remote = ({ port }: Place, token: string) =>
  port === undefined ? undefined : { type: "http", url: urlOf(port), headers: { Authorization: `Bearer ${token}` } }

const json = (value: unknown): string => JSON.stringify(value, null, 2)

/** What JSON quotes, TOML reads the same. */
const toml = (place: Place): string =>
  [
    "[mcp_servers.gleitzeit]",
    ...(place.port === undefined
      ? [`command = "npx"`, `args = ${JSON.stringify(argumentsOf(place))}`]
      : [`url = ${JSON.stringify(urlOf(place.port))}`, `bearer_token_env_var = "${variable}"`]),
    // seconds that a run may take
    "tool_timeout_sec = 600"
  ].join("\n")
