/** The door of `@gleitzeit/provider-mcp`. */
export * as Lock from "./Lock.ts"
export * as McpConfig from "./McpConfig.ts"
export * as McpProvider from "./McpProvider.ts"
export * as McpServers from "./McpServers.ts"
export { plugin as default } from "./McpPlugin.ts"
