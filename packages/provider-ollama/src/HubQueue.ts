/**
 * The servers of a hub and the requests that wait for one, and what becomes of both as time passes. It asks nobody and
 * has no clock: who calls says what time it is, in milliseconds, and what the servers said.
 */
import * as HubNode from "./HubNode.ts"
import * as HubPolicy from "./HubPolicy.ts"
import type { Node, Place, Work } from "./HubNode.ts"
import type { Wish } from "./HubWish.ts"

export interface Options {
  /** Requests that wait. */
  readonly maxQueue: number
  /** Milliseconds for which requests wait after the last server that may have their model has failed. */
  readonly patience: number
}

/** A request, from when it comes until it is answered or given up. */
export interface Entry {
  readonly id: number
  readonly wish: Wish
  /** When it came. */
  readonly since: number
  /** Servers that it shall not go to again, by URL. */
  readonly spent: Set<string>
  skipped: number
  /** What it was given or refused, once it waits no longer. */
  outcome: Outcome | undefined
  /** Called when there is an outcome. */
  wake: () => void
}

export type Outcome =
  | { readonly _tag: "Granted"; readonly url: string; readonly work: Work }
  /** No server has the model, or none that it has not been to. */
  | { readonly _tag: "Absent" }
  /** Those that may have the model cannot be used, and that for too long. */
  | { readonly _tag: "Stranded" }

/** What is to be done by whoever can ask servers. */
export interface Todo {
  /** Servers to be asked how they are; with `models`, which ones they have too. */
  readonly look: ReadonlyArray<{ readonly url: string; readonly models: boolean }>
  /** When to come again, if nothing else happens. */
  readonly due: number | undefined
}

export class HubQueue {
  readonly #options: Options
  readonly #nodes = new Map<string, Node>()
  /** In the order in which they came. */
  readonly #waiting: Array<Entry> = []
  #count = 0
  #turn = 0
  /** When servers of which nothing was known were first needed. */
  #openedAt = -Infinity

  constructor(places: ReadonlyArray<Place>, options: Options) {
    this.#options = options
    for (const place of places) this.#nodes.set(place.url, HubNode.make(place))
  }

  get nodes(): ReadonlyArray<Node> {
    return [...this.#nodes.values()]
  }

  get length(): number {
    return this.#waiting.length
  }

  /** Undefined when there is no room in the queue. */
  enter(wish: Wish, now: number): Entry | undefined {
    if (this.#waiting.length >= this.#options.maxQueue) return undefined
    const idle = this.#waiting.length === 0 && this.nodes.every(({ active }) => active.length === 0)
    for (const node of this.nodes) {
      if (idle && now - node.toldAt >= outdated) this.update(node.url, HubNode.forgotten)
    }
    if (idle && this.nodes.some(({ health }) => health._tag === "Unknown")) this.#openedAt = now
    const entry: Entry = {
      id: this.#count++,
      wish,
      since: now,
      spent: new Set(),
      skipped: 0,
      outcome: undefined,
      wake: () => {}
    }
    this.join(entry)
    return entry
  }

  /** It waits; one that has waited before in its old place. */
  join(entry: Entry): void {
    entry.outcome = undefined
    const at = this.#waiting.findLastIndex(({ id }) => id < entry.id)
    this.#waiting.splice(at + 1, 0, entry)
  }

  /** It wants nothing more; what it was given is free again. */
  leave(entry: Entry): void {
    const at = this.#waiting.indexOf(entry)
    if (at >= 0) this.#waiting.splice(at, 1)
    const { outcome } = entry
    if (outcome?._tag === "Granted") this.update(outcome.url, (node) => HubNode.ended(node, outcome.work))
    entry.outcome = undefined
  }

  update(url: string, change: (node: Node) => Node): void {
    const node = this.#nodes.get(url)
    if (node !== undefined) this.#nodes.set(url, change(node))
  }

  /** Whether any server could take it at this time, were it free. */
  isPossible(entry: Entry, now: number): boolean {
    return this.nodes.some((node) => HubPolicy.isPossible(node, entry) && HubNode.isUsable(node, now))
  }

  /** Gives what can be given, and refuses what cannot be. */
  turn(now: number): Todo {
    const asked = new Map<string, boolean>()
    const ask = (url: string, models: boolean) => asked.set(url, models || asked.get(url) === true)
    let due = Infinity
    const atLatest = (at: number) => {
      if (at > now) due = Math.min(due, at)
    }
    for (const entry of this.#waiting.slice()) this.#settle(entry, now, ask, atLatest)
    const opening = this.#openedAt + openingTime
    if (now < opening && this.nodes.some(({ health }) => health._tag === "Unknown")) atLatest(opening)
    else this.#give(now)
    const wanted = this.#waiting.length > 0 || this.nodes.some(({ active }) => active.length > 0)
    for (const { health, seenAt, toldAt, url } of wanted ? this.nodes : []) {
      if (health._tag === "Unknown") ask(url, true)
      else if (health._tag === "Cooling") {
        if (health.until > now) {
          if (this.#waiting.length > 0) atLatest(health.until)
        } else if (health.kind === "down") ask(url, true)
      } else if (now - toldAt >= tagsEvery) ask(url, true)
      else if (now - seenAt >= loadedEvery) ask(url, false)
    }
    return {
      look: [...asked].map(([url, models]) => ({ url, models })),
      due: due === Infinity ? undefined : due
    }
  }

  #give(now: number): void {
    for (;;) {
      const choice = HubPolicy.choose(this.#waiting, this.nodes, now)
      const entry = choice === undefined ? undefined : this.#waiting[choice.index]
      if (choice === undefined || entry === undefined) return
      for (const index of choice.passed) {
        const earlier = this.#waiting[index]
        if (earlier !== undefined) earlier.skipped++
      }
      this.#waiting.splice(choice.index, 1)
      const { answer, load, url } = choice
      const { id, wish } = entry
      const work: Work = { id, wish, key: HubNode.keyOf(wish), since: now, load, answer }
      this.update(url, (node) => HubNode.began(node, work, ++this.#turn))
      entry.outcome = { _tag: "Granted", url, work }
      entry.wake()
    }
  }

  /** Whether there is anything to wait for. */
  #settle(
    entry: Entry,
    now: number,
    ask: (url: string, models: boolean) => void,
    atLatest: (at: number) => void
  ): void {
    const possible = this.nodes.filter((node) => HubPolicy.isPossible(node, entry))
    // one that was not asked yet, or that may be asked again, will say how it is
    const hopeful = possible.some(({ health }) => health._tag !== "Cooling" || health.until <= now)
    if (possible.length > 0) {
      if (hopeful) return
      const since = Math.max(...possible.map(({ health }) => (health._tag === "Cooling" ? health.since : now)))
      // that one which never said what it has should be the one, when others can be asked and have it not, is no hope
      const isGuess = possible.every(({ models }) => models === undefined)
      const isServed = this.nodes.some(({ health }) => health._tag === "Healthy")
      const end = since + (isGuess && isServed ? 0 : this.#options.patience)
      if (now < end) atLatest(end)
      else this.#refuse(entry, { _tag: "Stranded" })
    } else {
      const outdated = this.nodes.filter(
        ({ health, toldAt, url }) => toldAt < entry.since && !entry.spent.has(url) && health._tag !== "Cooling"
      )
      if (outdated.length === 0) this.#refuse(entry, { _tag: "Absent" })
      for (const { url } of outdated) ask(url, true)
    }
  }

  #refuse(entry: Entry, outcome: Outcome): void {
    this.leave(entry)
    entry.outcome = outcome
    entry.wake()
  }
}

// internal

/** While requests come, servers are asked so often what is in their memory, and which models they have. Milliseconds. */
const loadedEvery = 10_000
const tagsEvery = 60_000

/** After so long without a request, nothing is begun before the servers were asked. Milliseconds. */
const outdated = 60_000

/** A server that says nothing holds the first requests up so long, and no longer. Milliseconds. */
const openingTime = 200
