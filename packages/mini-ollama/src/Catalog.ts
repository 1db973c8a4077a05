/** The models that a mini-ollama pretends to have, and what Ollama's API says about them. Made up, and always the same. */
import { createHash } from "node:crypto"

export interface Model {
  /** As in `ollama run`: `llama3.2`, `llava:13b`. Without a tag it is `latest`. */
  readonly name: string
  /** Default `completion` and `tools`. */
  readonly capabilities?: ReadonlyArray<"completion" | "tools" | "vision" | "thinking" | "embedding">
  /** Tokens for which it was made. Default 131072. */
  readonly context?: number
}

export const standard: ReadonlyArray<Model> = [
  { name: "llama3.2" },
  { name: "llava", capabilities: ["completion", "vision"] },
  { name: "deepseek-r1", capabilities: ["completion", "thinking"] },
  { name: "nomic-embed-text", capabilities: ["embedding"] }
]

/** The name under which a model is found: case does not matter, and the tag `latest` may be left out. */
export const fullName = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.slice(lower.lastIndexOf("/") + 1).includes(":") ? lower : `${lower}:latest`
}

export const capabilities = ({ capabilities }: Model) => capabilities ?? ["completion", "tools"]

/** An entry of `/api/tags`. */
export const summary = (model: Model) => ({
  name: fullName(model.name),
  model: fullName(model.name),
  modified_at: someTime,
  size: 2_000_000_000,
  digest: digest(model),
  details: details,
  capabilities: capabilities(model)
})

/** Tokens that fit where a request does not say. */
export const usualContext = 4096

/** The context with which a request finds the model loaded. */
export const contextFor = ({ context = trained }: Model, wished = usualContext): number => Math.min(wished, context)

/** Milliseconds for which a model stays: a number is seconds, below 0 for ever. Default five minutes. */
export const stays = (keepAlive: string | number = "5m"): number => {
  const milliseconds =
    typeof keepAlive === "number"
      ? keepAlive * 1000
      : [...keepAlive.matchAll(/(-?[\d.]+)(ms|s|m|h)?/gu)].reduce(
          (sum, [, amount, unit = "s"]) => sum + Number(amount) * (units[unit] ?? 0),
          0
        )
  return milliseconds < 0 ? Infinity : milliseconds
}

/** An entry of `/api/ps`. `expires`: milliseconds, `Infinity` for never. */
export const running = (model: Model, context: number, expires: number) => ({
  name: fullName(model.name),
  model: fullName(model.name),
  size: 2_000_000_000,
  digest: digest(model),
  details,
  expires_at: expires < latest ? new Date(expires).toISOString() : "2318-01-01T00:00:00Z",
  size_vram: 0,
  context_length: context
})

/** The body of `/api/show`. */
export const description = (model: Model) => ({
  license: "none",
  modelfile: `FROM ${model.name}`,
  parameters: "",
  template: "{{ .Prompt }}",
  details,
  model_info: { "general.architecture": "llama", "llama.context_length": model.context ?? trained },
  capabilities: capabilities(model),
  modified_at: someTime
})

/** When everything happens. */
export const someTime = "2026-01-01T00:00:00Z"

// internal

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const trained = 131_072

/** Nothing stays longer than until the year 2318; Ollama says so of what stays for ever. */
const latest = Date.UTC(2318)

const details = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "1B",
  quantization_level: "Q4_0"
}

const digest = ({ name }: Model): string => createHash("sha256").update(fullName(name)).digest("hex")
