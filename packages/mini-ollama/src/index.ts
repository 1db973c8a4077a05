/** A small server of the shape of Ollama, for tests. */
export * as MiniOllama from "./MiniOllama.ts"
