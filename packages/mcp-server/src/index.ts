/** The door of `@gleitzeit/mcp-server`. */
export * as Http from "./Http.ts"
export * as McpServer from "./McpServer.ts"
export * as Stdio from "./Stdio.ts"
export * as Tools from "./Tools.ts"
