/**
 * One Ollama server as the hub believes it to be: what it has, what is in its memory, what it works on, how fast it is,
 * and whether it can be asked. A value; everything that happens to a server gives another one. Times in milliseconds.
 */
import type { Wish } from "./HubWish.ts"
import type { Model } from "./OllamaClient.ts"

export interface Node {
  readonly url: string
  /** Above 0. How fast it is beside the others, until that is known; of two that are equally good the one with more. */
  readonly weight: number
  /** Requests at once for one model. */
  readonly maxConcurrent: number
  readonly allow: ReadonlyArray<string> | undefined
  readonly deny: ReadonlyArray<string>
  /** By full names; undefined when it was not asked yet, or does not tell. */
  readonly models: ReadonlyMap<string, Model> | undefined
  readonly health: Health
  /** When it said last which models it has. */
  readonly toldAt: number
  /** When it said last what is in its memory. */
  readonly seenAt: number
  /** Failures since the last success. */
  readonly streak: number
  /** Keys of what is in memory, used longest ago first. */
  readonly loaded: ReadonlyArray<string>
  /** How many models fit into memory, as far as was seen. */
  readonly room: number
  readonly active: ReadonlyArray<Work>
  /** What loading takes, by model. */
  readonly loadTimes: ReadonlyMap<string, number>
  /** What answering takes without loading, by model, and by model and length. */
  readonly answerTimes: ReadonlyMap<string, number>
  /** Of all models. */
  readonly answerTime: number | undefined
  /** Requests begun so far, on all servers, when it got its last one. */
  readonly turn: number
}

export type Health =
  /** It was not asked yet. */
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Healthy" }
  /**
   * Not to be asked before `until`. Then one that was `down` has to say that it is back; any other gets one request,
   * and what becomes of that decides.
   */
  | {
      readonly _tag: "Cooling"
      readonly kind: Trouble
      readonly until: number
      readonly reason: string
      /** Since when it cannot be used as it should. */
      readonly since: number
    }

/** `down`: not to be reached. `busy`: it has too much to do. `failing`: it fails again and again. */
export type Trouble = "down" | "busy" | "failing"

/** A request under way. */
export interface Work {
  readonly id: number
  readonly wish: Wish
  readonly key: string
  readonly since: number
  /** What loading the model was expected to take; 0 when it was in memory. */
  readonly load: number
  /** What answering was expected to take. */
  readonly answer: number
}

export interface Place {
  readonly url: string
  /** Default 1. */
  readonly weight?: number
  /** Requests at once for one model; as `OLLAMA_NUM_PARALLEL` of the server. Default 1, as Ollama's own. */
  readonly maxConcurrent?: number
  /** Models that may be asked for here, and those that may not; `*` stands for anything. Default: all may. */
  readonly models?: { readonly allow?: ReadonlyArray<string>; readonly deny?: ReadonlyArray<string> }
}

export const make = ({ maxConcurrent = 1, models = {}, url, weight = 1 }: Place): Node => ({
  url,
  weight,
  maxConcurrent,
  allow: models.allow,
  deny: models.deny ?? [],
  models: undefined,
  toldAt: -Infinity,
  seenAt: -Infinity,
  health: { _tag: "Unknown" },
  streak: 0,
  loaded: [],
  room: 1,
  active: [],
  loadTimes: new Map(),
  answerTimes: new Map(),
  answerTime: undefined,
  turn: 0
})

/** What has to be in memory for the wish: the same model with another context is loaded again. */
export const keyOf = ({ context, model }: Wish): string => (context === undefined ? model : `${model} ${context}`)

/** What a key stands for. */
export const wishOf = (key: string): { readonly model: string; readonly context: number | undefined } => {
  const [model = key, context] = key.split(" ", 2)
  return { model, context: context === undefined ? undefined : Number(context) }
}

/** Whether the server has the model and may be asked for it; true as long as it does not tell what it has. */
export const offers = (node: Node, model: string): boolean => {
  const named = (patterns: ReadonlyArray<string>) => patterns.some((pattern) => matches(pattern, model))
  if ((node.allow !== undefined && !named(node.allow)) || named(node.deny)) return false
  return node.models === undefined || node.models.has(model)
}

/** Whether a request may go there. */
export const isUsable = ({ health }: Node, now: number): boolean =>
  health._tag === "Healthy" || (health._tag === "Cooling" && health.kind !== "down" && health.until <= now)

/**
 * Whether one more request may go there. Models in memory work side by side; another one is loaded when there is room
 * and nothing else is being loaded, or when there is nothing else to do. A server that failed gets one request.
 */
export const isFree = (node: Node, key: string, now: number): boolean => {
  const { active, loaded, maxConcurrent, room } = node
  if (active.length === 0) return true
  if (node.health._tag !== "Healthy") return false
  if (isWarm(node, key)) return active.filter((work) => isSame(work.key, key)).length < maxConcurrent
  return loaded.length < room && active.every(({ load, since }) => since + load <= now)
}

/** Whether no request at all may go there. */
export const isFull = ({ active, health, loaded, maxConcurrent, room }: Node): boolean =>
  active.length > 0 && (health._tag !== "Healthy" || active.length >= maxConcurrent * Math.max(room, loaded.length))

/** Whether the model is in memory with that context, or on its way there. */
export const isWarm = (node: Node, key: string): boolean => node.loaded.some((loaded) => isSame(loaded, key))

// what happens to it

/** A request begins. What it has to load takes the place of what was used longest ago, if there is no room. */
export const began = (node: Node, work: Work, turn: number): Node => {
  const others = node.loaded.filter((key) => modelOf(key) !== work.wish.model)
  const kept = isWarm(node, work.key) ? others : others.slice(Math.max(0, others.length + 1 - node.room))
  return { ...node, active: [...node.active, work], loaded: [...kept, work.key], turn }
}

/** A request is over, whatever became of it. */
export const ended = (node: Node, { id }: Work): Node => ({
  ...node,
  active: node.active.filter((work) => work.id !== id)
})

/** A request was answered. */
export const succeeded = (node: Node): Node =>
  node.health._tag === "Healthy" && node.streak === 0 ? node : { ...node, health: { _tag: "Healthy" }, streak: 0 }

/** How long it took, as the server says. */
export const learned = (node: Node, work: Work, times: { readonly load?: number; readonly total: number }): Node => {
  const { load = 0, total } = times
  const { model } = work.wish
  const usual = node.loadTimes.get(model)
  // a model that was believed to be in memory, and was not, took about as long to load as it always does
  const cold = work.load > 0 ? load > 0 : load >= Math.max(shortestLoad, (usual ?? 0) / 2)
  const answer = Math.max(1, total - load)
  const answerTimes = new Map(node.answerTimes)
  for (const name of namesOf(work.wish)) answerTimes.set(name, towards(answerTimes.get(name), answer, 0.2))
  return {
    ...node,
    answerTimes,
    answerTime: towards(node.answerTime, answer, 0.2),
    // what else had to go, or did not, is worth a question
    seenAt: cold ? -Infinity : node.seenAt,
    loadTimes: cold
      ? new Map(node.loadTimes).set(model, towards(usual, Math.max(load, shortestLoad), 0.5))
      : node.loadTimes
  }
}

/** The server said which models it has; undefined: it does not tell. */
export const told = (node: Node, models: ReadonlyMap<string, Model> | undefined, now: number): Node => ({
  ...node,
  models,
  toldAt: now
})

/**
 * The server said what is in its memory, by keys. With which context a model was loaded stays as it is believed: a server
 * tells a smaller one than it was asked for when the model is not made for more.
 */
export const seen = (node: Node, keys: ReadonlyArray<string>, now: number): Node => {
  const room = Math.max(node.room, keys.length)
  const inUse = node.loaded.filter((key) => node.active.some((work) => isSame(work.key, key)))
  const kept = node.loaded.filter(
    (key) => !inUse.includes(key) && keys.some((other) => modelOf(other) === modelOf(key))
  )
  const others = keys.filter((key) => ![...kept, ...inUse].some((other) => modelOf(other) === modelOf(key)))
  // it may have been asked just before something else had to make room
  return { ...node, loaded: [...others, ...kept, ...inUse].slice(-room), room, seenAt: now }
}

/** It answers when it is asked how it is. That says nothing about requests: one that was `busy` or `failing` stays so. */
export const found = (node: Node): Node =>
  node.health._tag === "Unknown" || (node.health._tag === "Cooling" && node.health.kind === "down")
    ? { ...node, health: { _tag: "Healthy" }, streak: 0 }
    : node

/** What was known of its memory is too old to go by: it has to be asked first. */
export const forgotten = (node: Node): Node =>
  node.health._tag === "Healthy" ? { ...node, health: { _tag: "Unknown" } } : node

/**
 * It cannot be used until later: longer each time, 1 s to 30 s, or as long as it says itself (`wait`), of which an hour
 * at most counts. `jitter`: from 0 to 1, so that not everybody comes back at once. A server that went away has nothing in
 * memory when it is back.
 */
export const cooled = (
  node: Node,
  { jitter, kind, now, reason, wait = 0 }: { kind: Trouble; now: number; reason: string; wait?: number; jitter: number }
): Node => {
  // requests that were under way together fail together: that is one failure
  const again = node.health._tag === "Cooling" && node.health.until > now && node.health.kind === kind
  const streak = again ? node.streak : node.streak + 1
  const steps = kind === "failing" ? streak - faultsAllowed : streak - 1
  const pause = 1000 * Math.min(30, 2 ** Math.min(5, Math.max(0, steps))) * (0.75 + 0.5 * jitter)
  const until = Math.max(
    now + Math.ceil(Math.max(pause, Math.min(wait, longestWait))),
    again && node.health._tag === "Cooling" ? node.health.until : 0
  )
  const since = node.health._tag === "Cooling" ? node.health.since : now
  const health: Health = { _tag: "Cooling", kind, reason, until, since }
  return { ...node, streak, health, ...(kind === "down" ? { loaded: [] } : {}) }
}

/** It failed with a fault of its own. The third in a row makes it `failing`. */
export const faulted = (
  node: Node,
  trouble: { readonly now: number; readonly reason: string; readonly jitter: number }
): Node =>
  node.streak + 1 < faultsAllowed && node.health._tag !== "Cooling"
    ? { ...node, streak: node.streak + 1 }
    : cooled(node, { ...trouble, kind: "failing" })

// internal

/** In a row. */
const faultsAllowed = 3

/** A slip in a server's answer is not to keep it away for good. Milliseconds. */
const longestWait = 3_600_000

/** A server that has the model in memory says a few milliseconds too. A load counts for no less. Milliseconds. */
const shortestLoad = 100

/** The first value counts in full. */
const towards = (old: number | undefined, value: number, share: number): number =>
  old === undefined ? value : old + share * (value - old)

/** The same model in the same context. Where one of them does not say with which context, it may be the other's. */
export const isSame = (a: string, b: string): boolean =>
  a === b || (modelOf(a) === modelOf(b) && (a === modelOf(a) || b === modelOf(b)))

const modelOf = (key: string): string => key.split(" ", 1)[0] ?? key

/** Under which a time is kept: the model's, and the model's for answers of such a length. */
export const namesOf = ({ model, output }: Wish): ReadonlyArray<string> =>
  output === undefined ? [model] : [`${model} ${Math.ceil(Math.log2(Math.max(1, output)))}`, model]

const matches = (pattern: string, model: string): boolean => {
  const wanted = pattern.toLowerCase()
  if (!wanted.includes("*")) return model === wanted || model === `${wanted}:latest`
  const [first = "", ...parts] = wanted.split("*")
  const last = parts.pop() ?? ""
  if (!model.startsWith(first) || !model.endsWith(last) || model.length < first.length + last.length) return false
  let from = first.length
  for (const part of parts) {
    const at = model.indexOf(part, from)
    if (at < 0 || at + part.length > model.length - last.length) return false
    from = at + part.length
  }
  return true
}
