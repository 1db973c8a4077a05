/**
 * Which request goes to which server next. A request is bound as late as possible: it waits for the hub, not for a
 * server, so it goes to whichever is expected to be done with it first when there is something to decide. Pure.
 */
import * as HubNode from "./HubNode.ts"
import type { Node, Work } from "./HubNode.ts"
import type { Wish } from "./HubWish.ts"

export type { Wish } from "./HubWish.ts"

export interface Waiting {
  readonly wish: Wish
  /** Servers that it has been to, and shall not go to again, by URL. */
  readonly spent: ReadonlySet<string>
  /** Requests that came later and were given a server that it could have had. */
  readonly skipped: number
}

export interface Choice {
  /** In the queue. */
  readonly index: number
  readonly url: string
  /** Those before it in the queue that were passed over. */
  readonly passed: ReadonlyArray<number>
  /** What is expected of it; as `HubNode.Work` says. */
  readonly load: number
  readonly answer: number
}

/**
 * After being passed over so often for each server that it can go to, a request is the next on all of them. It is not
 * less: a request that goes first where its model is not in memory costs everybody behind it.
 */
export const maxSkip = 8

/**
 * The next request of the queue (first come, first) that should begin now; undefined when all should wait. A request
 * waits on when a busy server is expected to be done with it before any free one, and when the model that would have to
 * make room for its own is wanted by one behind it.
 */
export const choose = (queue: ReadonlyArray<Waiting>, nodes: ReadonlyArray<Node>, now: number): Choice | undefined => {
  const usable = nodes.filter((node) => HubNode.isUsable(node, now))
  const kept = new Set<string>()
  const ahead = new Map<string, number>()
  for (const [index, waiting] of queue.slice(0, window).entries()) {
    if (!usable.some((node) => !HubNode.isFull(node) && !kept.has(node.url))) return undefined
    const possible = usable.filter((node) => isPossible(node, waiting))
    const key = HubNode.keyOf(waiting.wish)
    const before = ahead.get(key) ?? 0
    const old = waiting.skipped >= maxSkip * possible.length
    const offers = possible
      .filter((node) => !kept.has(node.url))
      .map((node) => finish(node, waiting.wish, nodes, now, before))
    const free = best(offers.filter(({ free }) => free))
    if (free !== undefined && (old || (isBetter(free, best(offers)) && !isWanted(free, queue, index)))) {
      const passed = [...queue.slice(0, index).entries()]
        .filter(([, earlier]) => isPossible(free.node, earlier))
        .map(([at]) => at)
      return { index, url: free.node.url, passed, load: free.load, answer: free.answer }
    }
    if (old) for (const node of possible) kept.add(node.url)
    ahead.set(key, before + 1)
  }
  return undefined
}

/** Whether the request may go to the server, once that is free. */
export const isPossible = (node: Node, { spent, wish }: Pick<Waiting, "spent" | "wish">): boolean =>
  !spent.has(node.url) && HubNode.offers(node, wish.model)

// internal

/** Whether the request would have something loaded where one behind it could begin at once. */
const isWanted = ({ load, node }: Offer, queue: ReadonlyArray<Waiting>, index: number): boolean =>
  load > 0 &&
  node.loaded.length >= node.room &&
  queue
    .slice(index + 1, window)
    .some((later) => isPossible(node, later) && HubNode.isWarm(node, HubNode.keyOf(later.wish)))

/** Requests that are looked at; those behind them wait until some of these have gone. */
const window = 64

/** Where nothing was measured anywhere. Milliseconds. */
const usualAnswer = 4000
const usualLoad = 8000

/** Bytes a millisecond: a disk of 500 MB/s. */
const reading = 500_000

interface Offer {
  readonly node: Node
  /** Whether the request can begin there. */
  readonly free: boolean
  /** When it would be done, in milliseconds from now, and what loading and answering take of that. */
  readonly at: number
  readonly load: number
  readonly answer: number
}

const finish = (node: Node, wish: Wish, nodes: ReadonlyArray<Node>, now: number, before: number) => {
  const key = HubNode.keyOf(wish)
  const free = HubNode.isFree(node, key, now)
  const answer = answerTime(node, wish, nodes)
  const queued = free ? 0 : (before * answer) / node.maxConcurrent
  const remaining = (works: ReadonlyArray<Work>) => works.map((work) => remainingOf(work, now))
  if (HubNode.isWarm(node, key)) {
    const same = node.active.filter((work) => HubNode.isSame(work.key, key))
    const loading = Math.max(0, ...same.map(({ load, since }) => since + load - now))
    const wait = free ? loading : Math.max(loading, Math.min(...remaining(same)))
    return { node, free, at: wait + queued + answer, load: 0, answer }
  }
  const load = loadTime(node, wish.model, nodes)
  // what is in use cannot leave the memory
  const evicts = node.loaded.length >= node.room
  const loading = Math.max(0, ...node.active.map(({ load, since }) => since + load - now))
  const wait = evicts ? Math.max(0, ...remaining(node.active)) : loading
  const cold = load * (evicts && node.loaded.length > 0 ? 1.5 : 1)
  return { node, free, at: wait + queued + cold + answer, load, answer }
}

/** An answer that takes longer than expected is expected to take as long again as half of it. */
const remainingOf = ({ answer, load, since }: Work, now: number): number =>
  Math.max(since + load + answer - now, answer / 2)

/** The server's own time, or what the fastest of the others would make of it: so each is tried once. */
const answerTime = (node: Node, wish: Wish, nodes: ReadonlyArray<Node>): number => {
  for (const name of HubNode.namesOf(wish)) {
    const known = own(node, nodes, ({ answerTimes }) => answerTimes.get(name))
    if (known !== undefined) return known
  }
  return own(node, nodes, ({ answerTime }) => answerTime) ?? usualAnswer / node.weight
}

const loadTime = (node: Node, model: string, nodes: ReadonlyArray<Node>): number => {
  const known = own(node, nodes, ({ loadTimes }) => loadTimes.get(model))
  if (known !== undefined) return known
  const size = node.models?.get(model)?.size
  return (size === undefined ? usualLoad : size / reading) / node.weight
}

/** What is known of the server, or what follows from the weights for it. */
const own = (node: Node, nodes: ReadonlyArray<Node>, time: (node: Node) => number | undefined) =>
  time(node) ?? least(nodes.map((other) => scaled(time(other), other.weight / node.weight)))

const scaled = (time: number | undefined, factor: number) => (time === undefined ? undefined : time * factor)

const least = (times: ReadonlyArray<number | undefined>): number | undefined => {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

const best = (offers: ReadonlyArray<Offer>): Offer | undefined =>
  offers.reduce<Offer | undefined>(
    (found, offer) => (found === undefined || precedes(offer, found) ? offer : found),
    undefined
  )

/** Of equals the one with more weight, then the one that had its last request longest ago. */
const precedes = (a: Offer, b: Offer): boolean => {
  if (Math.abs(a.at - b.at) > equal) return a.at < b.at
  return a.node.weight === b.node.weight ? a.node.turn < b.node.turn : a.node.weight > b.node.weight
}

/** Whether a free server is as good as the best of all. */
const isBetter = (free: Offer, all: Offer | undefined): boolean => all === undefined || free.at <= all.at + equal

/** Milliseconds. */
const equal = 1e-6
