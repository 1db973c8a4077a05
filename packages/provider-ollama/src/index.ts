/** The door of `@gleitzeit/provider-ollama`. */
export * as OllamaProvider from "./OllamaProvider.ts"
