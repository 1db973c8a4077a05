/** The door of `@gleitzeit/provider-ollama`. */
export * as OllamaProvider from "./OllamaProvider.ts"
export { plugin as default } from "./OllamaPlugin.ts"
