/** What a handler tells the host that it works for, heard on the way: the host is told all the same. */
import { Effect } from "effect"
import type { Host } from "./Executor.ts"
import * as Redaction from "./Redaction.ts"
import type { Chunk, Usage } from "./Task.ts"

export class ReplayHeard {
  readonly chunks: Array<Chunk> = []
  readonly usage: Array<Usage> = []
  /** It made calls of its own, or asked a question. */
  isComposed = false
  readonly host: Host

  constructor(host: Host) {
    this.host = {
      ...host,
      emit: (chunk) => Effect.suspend(() => (this.chunks.push(chunk), host.emit(chunk))),
      usage: (usage) => Effect.suspend(() => (this.usage.push(usage), host.usage(usage))),
      call: (...made) => Effect.suspend(() => ((this.isComposed = true), host.call(...made))),
      answer: (...asked) => Effect.suspend(() => ((this.isComposed = true), host.answer(...asked)))
    }
  }

  /** A secret that chunks cut in two is seen by nobody who looks at one: so they are joined, and looked at again. */
  shown(mask: Redaction.Mask | undefined): ReadonlyArray<Chunk> {
    return mask === undefined ? this.chunks : joined(this.chunks).map((chunk) => Redaction.chunk(mask, chunk))
  }
}

// internal

/** Text is one piece, where its first one stood; so is reasoning. */
const joined = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Chunk> => {
  const texts = { Text: "", Reasoning: "" }
  for (const chunk of chunks) if (isText(chunk)) texts[chunk._tag] += chunk.text
  const done = new Set<string>()
  return chunks.flatMap((chunk): ReadonlyArray<Chunk> => {
    if (!isText(chunk)) return [chunk]
    if (done.has(chunk._tag)) return []
    done.add(chunk._tag)
    return [{ _tag: chunk._tag, text: texts[chunk._tag] }]
  })
}

const isText = (chunk: Chunk): chunk is Extract<Chunk, { readonly _tag: "Text" | "Reasoning" }> =>
  chunk._tag === "Text" || chunk._tag === "Reasoning"
