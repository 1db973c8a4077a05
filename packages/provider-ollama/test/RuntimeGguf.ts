/**
 * Writes a model file of a few MB that says by heart what it is told to: a llama of one layer, whose attention and
 * feed-forward weights are zero and whose embeddings are the axes of its space. What is left is a table that leads from
 * each token to the next. Real runtimes load it, and sample from it as from any other model.
 */

/** A text. The token `<|name|>` at the end of a prompt starts it. */
export interface Script {
  readonly name: string
  /** Each of them stands in one place of one script only, for the model knows nothing but the token before. */
  readonly tokens: ReadonlyArray<string>
  /** After the last token comes the first again. Default: the text ends. */
  readonly endless?: boolean
}

export const scripted = (scripts: ReadonlyArray<Script>): Uint8Array => {
  const vocabulary = words(scripts)
  const next = followers(scripts, vocabulary)
  const size = vocabulary.length
  const width = Math.ceil(size / head) * head
  // the number of an axis times the number of a token: one row each
  const row = (token: number, axis: number) => token * width + axis
  const embedding = zeros("token_embd.weight", width, size)
  const output = zeros("output.weight", width, size)
  for (let token = 0; token < size; token++) {
    embedding.values[row(token, token)] = 1
    output.values[row(next.get(token) ?? end, token)] = certainty
  }
  return file(metadata(vocabulary, width), [
    embedding,
    output,
    ones("output_norm.weight", width),
    ones("blk.0.attn_norm.weight", width),
    ones("blk.0.ffn_norm.weight", width),
    ...["q", "k", "v", "output"].map((part) => zeros(`blk.0.attn_${part}.weight`, width, width)),
    zeros("blk.0.ffn_gate.weight", width, feedForward),
    zeros("blk.0.ffn_up.weight", width, feedForward),
    zeros("blk.0.ffn_down.weight", feedForward, width)
  ])
}

// internal

/** Numbers of an attention head. */
const head = 32
const feedForward = 32

/** So much more likely is the next token that no usual temperature lets another one through. */
const certainty = 10

/** The token that ends every text. */
const end = 2

const kinds = { unknown: 2, control: 3, written: 4, byte: 6 }

interface Word {
  readonly text: string
  readonly kind: number
}

const words = (scripts: ReadonlyArray<Script>): ReadonlyArray<Word> => {
  const all = [
    { text: "<unk>", kind: kinds.unknown },
    { text: "<s>", kind: kinds.control },
    { text: "</s>", kind: kinds.control },
    // what is written in a prompt
    ...Array.from({ length: 256 }, (_, byte) => ({
      text: `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
      kind: kinds.byte
    })),
    ...scripts.flatMap(({ name, tokens }) => [
      { text: `<|${name}|>`, kind: kinds.control },
      ...tokens.map((text) => ({ text, kind: kinds.written }))
    ])
  ]
  const twice = all.find(({ text }, index) => all.findIndex((word) => word.text === text) !== index)
  if (twice !== undefined) throw new Error(`the token ${JSON.stringify(twice.text)} is there twice`)
  return all
}

/** The token after each token. */
const followers = (scripts: ReadonlyArray<Script>, vocabulary: ReadonlyArray<Word>): ReadonlyMap<number, number> => {
  const number = new Map(vocabulary.map(({ text }, index) => [text, index]))
  const pairs = scripts.flatMap(({ endless = false, name, tokens }) => {
    const chain = [`<|${name}|>`, ...tokens]
    return chain.map((token, index) => [token, chain[index + 1] ?? (endless ? chain[1] : "</s>")] as const)
  })
  return new Map(pairs.map(([from, to = "</s>"]) => [number.get(from) ?? end, number.get(to) ?? end]))
}

interface Tensor {
  readonly name: string
  /** The length of a row first. */
  readonly shape: ReadonlyArray<number>
  readonly values: Float32Array
}

const zeros = (name: string, ...shape: ReadonlyArray<number>): Tensor => ({
  name,
  shape,
  values: new Float32Array(shape.reduce((product, length) => product * length, 1))
})

const ones = (name: string, length: number): Tensor => ({
  name,
  shape: [length],
  values: new Float32Array(length).fill(1)
})

type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly flag: boolean }
  | { readonly text: string }
  | { readonly texts: ReadonlyArray<string> }
  | { readonly i32s: ReadonlyArray<number> }
  | { readonly f32s: ReadonlyArray<number> }

const metadata = (vocabulary: ReadonlyArray<Word>, width: number): Readonly<Record<string, Value>> => ({
  "general.architecture": { text: "llama" },
  "general.name": { text: "scripted" },
  "llama.context_length": { u32: 4096 },
  "llama.embedding_length": { u32: width },
  "llama.block_count": { u32: 1 },
  "llama.feed_forward_length": { u32: feedForward },
  "llama.attention.head_count": { u32: width / head },
  "llama.attention.head_count_kv": { u32: width / head },
  "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
  "llama.rope.dimension_count": { u32: head },
  "llama.vocab_size": { u32: vocabulary.length },
  "tokenizer.ggml.model": { text: "llama" },
  "tokenizer.ggml.tokens": { texts: vocabulary.map(({ text }) => text) },
  "tokenizer.ggml.scores": { f32s: vocabulary.map(() => 0) },
  "tokenizer.ggml.token_type": { i32s: vocabulary.map(({ kind }) => kind) },
  "tokenizer.ggml.unknown_token_id": { u32: 0 },
  "tokenizer.ggml.bos_token_id": { u32: 1 },
  "tokenizer.ggml.eos_token_id": { u32: end },
  "tokenizer.ggml.add_bos_token": { flag: true },
  "tokenizer.ggml.add_eos_token": { flag: false },
  "tokenizer.ggml.add_space_prefix": { flag: false }
})

/** GGUF, version 3: what is known of the model, what tensors there are and where, then their numbers. */
const file = (known: Readonly<Record<string, Value>>, tensors: ReadonlyArray<Tensor>): Uint8Array => {
  const entries = Object.entries(known)
  let offset = 0
  const places = tensors.map(({ name, shape, values }) => {
    const place = [
      text(name),
      u32(shape.length),
      ...shape.map(u64),
      u32(0), // 32-bit floats
      u64(offset)
    ]
    offset += padded(values.byteLength)
    return Buffer.concat(place)
  })
  const start = Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries.map(([key, value]) => Buffer.concat([text(key), typed(value)])),
    ...places
  ])
  return Buffer.concat([filled(start), ...tensors.map(({ values }) => filled(Buffer.from(values.buffer)))])
}

const typed = (value: Value): Buffer => {
  if ("u32" in value) return Buffer.concat([u32(4), u32(value.u32)])
  if ("f32" in value) return Buffer.concat([u32(6), f32(value.f32)])
  if ("flag" in value) return Buffer.concat([u32(7), Buffer.from([value.flag ? 1 : 0])])
  if ("text" in value) return Buffer.concat([u32(8), text(value.text)])
  if ("texts" in value) return list(8, value.texts.map(text))
  if ("i32s" in value) return list(5, value.i32s.map(u32))
  return list(6, value.f32s.map(f32))
}

const list = (type: number, items: ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat([u32(9), u32(type), u64(items.length), ...items])

const u32 = (number: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

const u64 = (number: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(number))
  return bytes
}

const f32 = (number: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(number)
  return bytes
}

const text = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  return Buffer.concat([u64(bytes.length), bytes])
}

/** Everything begins at a multiple of this. */
const alignment = 32

const padded = (length: number): number => Math.ceil(length / alignment) * alignment

const filled = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(padded(bytes.length) - bytes.length)])
