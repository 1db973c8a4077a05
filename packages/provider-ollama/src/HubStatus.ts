/** The servers of a hub in words and numbers, for people and for machines. */
import * as HubNode from "./HubNode.ts"
import type { Node } from "./HubNode.ts"
import type { HubQueue } from "./HubQueue.ts"
import type { Model } from "./OllamaClient.ts"

export interface Status {
  readonly endpoints: ReadonlyArray<EndpointStatus>
  /** Requests that wait for a server. */
  readonly queued: number
}

export interface EndpointStatus {
  readonly url: string
  readonly state: State
  /** Undefined until it was asked. */
  readonly version: string | undefined
  /** Undefined when it was not asked yet, or does not tell. */
  readonly models: ReadonlyArray<Model> | undefined
  /** What is in its memory. */
  readonly loaded: ReadonlyArray<{
    /** The full name. */
    readonly model: string
    /** Tokens. */
    readonly context: number | undefined
  }>
  readonly inFlight: number
  /** What is wrong with it. */
  readonly reason: string | undefined
  /** Milliseconds until it is tried again. */
  readonly coolsFor: number | undefined
}

/** `unknown`: it was not asked yet. The others as `HubNode.Trouble` says. */
export type State = "unknown" | "healthy" | HubNode.Trouble

/** A server's state is another one. `at`: milliseconds since 1970. */
export interface Change {
  readonly at: number
  readonly url: string
  readonly state: State
  readonly reason: string | undefined
}

export const of = (queue: HubQueue, versions: ReadonlyMap<string, string>, now: number): Status => ({
  queued: queue.length,
  endpoints: queue.nodes.map((node): EndpointStatus => ({
    url: node.url,
    state: stateOf(node),
    version: versions.get(node.url),
    models: node.models === undefined ? undefined : [...node.models.values()],
    loaded: node.loaded.map(HubNode.wishOf),
    inFlight: node.active.length,
    reason: reasonOf(node),
    coolsFor: node.health._tag === "Cooling" ? Math.max(0, node.health.until - now) : undefined
  }))
})

export const change = (node: Node, at: number): Change => ({
  at,
  url: node.url,
  state: stateOf(node),
  reason: reasonOf(node)
})

export const stateOf = ({ health }: Node): State =>
  health._tag === "Cooling" ? health.kind : health._tag === "Healthy" ? "healthy" : "unknown"

/** What is wrong with each server that cannot be used, in one line. */
export const reasons = (nodes: ReadonlyArray<Node>): string =>
  nodes
    .flatMap((node) => {
      const reason = reasonOf(node)
      return reason === undefined ? [] : [reason.includes(node.url) ? reason : `${node.url} ${reason}`]
    })
    .join("; ")

// internal

const reasonOf = ({ health }: Node): string | undefined => (health._tag === "Cooling" ? health.reason : undefined)
