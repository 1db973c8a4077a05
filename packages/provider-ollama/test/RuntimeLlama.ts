/**
 * llama.cpp as the voice of a mini-ollama, with a model that knows a few texts by heart. The runtime is 85 MB and no
 * dependency: it is installed beside the workspace when it is first asked for.
 */
import type { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect, type Scope, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type Script, scripted } from "./RuntimeGguf.ts"

type Asked = Parameters<NonNullable<MiniOllama.Options["voice"]>>[0]

/** Speaks one answer at a time, the script that `choose` names for what is asked. What it holds is given back. */
export const voice = (
  scripts: ReadonlyArray<Script>,
  choose: (asked: Asked) => string
): Effect.Effect<NonNullable<MiniOllama.Options["voice"]>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { LlamaGrammarEvaluationState, getLlama } = yield* Effect.promise<Library>(
      () => import(pathToFileURL(installed()).href)
    )
    const llama = yield* Effect.acquireRelease(
      Effect.promise(() =>
        getLlama({ build: "never", skipDownload: true, gpu: false, progressLogs: false, logLevel: "error" })
      ),
      (llama) => Effect.promise(() => llama.dispose())
    )
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-gguf-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const modelPath = join(folder, "scripted.gguf")
    writeFileSync(modelPath, scripted(scripts))
    const model = yield* Effect.promise(() => llama.loadModel({ modelPath }))
    const context = yield* Effect.promise(() => model.createContext({ contextSize: 1024, sequences: 1, threads: 1 }))
    return (asked) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { format, options } = asked.body
          const grammar =
            typeof format === "object" && format !== null
              ? yield* Effect.promise(() => llama.createGrammarForJsonSchema(format))
              : undefined
          const { seed, temperature = 0 } = options ?? {}
          const said = say(context, model, `${asked.text}<|${choose(asked)}|>`, {
            temperature,
            ...(seed === undefined ? {} : { seed }),
            ...(grammar === undefined
              ? {}
              : { grammarEvaluationState: new LlamaGrammarEvaluationState({ model, grammar }) })
          })
          // llama.cpp ends the token it is at before its place is free
          yield* Effect.addFinalizer(() => Effect.promise(() => said.return()))
          return Stream.fromAsyncIterable(said, (cause) => new Error("llama.cpp has failed", { cause }))
        })
      )
  })

// internal

async function* say(
  context: Context,
  model: Model,
  prompt: string,
  options: object
): AsyncGenerator<string, void, void> {
  const sequence = context.getSequence()
  try {
    for await (const token of sequence.evaluate(model.tokenize(prompt, true), options)) {
      if (model.isEogToken(token)) return
      yield model.detokenize([token])
    }
  } finally {
    sequence.dispose()
  }
}

/** What of `node-llama-cpp` is used. */
interface Library {
  readonly getLlama: (options: object) => Promise<{
    readonly loadModel: (options: { modelPath: string }) => Promise<Model>
    readonly createGrammarForJsonSchema: (schema: object) => Promise<object>
    readonly dispose: () => Promise<void>
  }>
  readonly LlamaGrammarEvaluationState: new (options: { model: Model; grammar: object }) => object
}

interface Model {
  readonly createContext: (options: object) => Promise<Context>
  readonly tokenize: (text: string, special: boolean) => ReadonlyArray<number>
  readonly detokenize: (tokens: ReadonlyArray<number>) => string
  readonly isEogToken: (token: number) => boolean
}

interface Context {
  readonly getSequence: () => Sequence
}

interface Sequence {
  readonly evaluate: (tokens: ReadonlyArray<number>, options: object) => AsyncIterable<number>
  readonly dispose: () => void
}

const version = "3.22.1"

/** Installs the runtime if need be, without its GPU builds, and gives its entry. */
const installed = (): string => {
  const home = resolve(import.meta.dirname, "../../../node_modules/.cache/llama")
  const entry = join(home, "node_modules/node-llama-cpp/dist/index.js")
  if (!existsSync(entry)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, "package.json"), JSON.stringify({ private: true }))
    const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${build()}@${version}`]
    execFileSync("npm", ["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", ...packages], {
      cwd: home,
      stdio: "pipe"
    })
  }
  return entry
}

const build = (): string => {
  if (process.platform === "darwin") return process.arch === "arm64" ? "mac-arm64-metal" : "mac-x64"
  return `${process.platform === "win32" ? "win" : "linux"}-${process.arch}`
}
