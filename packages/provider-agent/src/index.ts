/** The door of `@gleitzeit/provider-agent`. */
export * as AgentProvider from "./AgentProvider.ts"
export { plugin as default } from "./AgentPlugin.ts"
