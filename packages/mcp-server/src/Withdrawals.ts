/**
 * Calls that a client may take back. Over HTTP a client of the legacy era says so in a request of its own, which reaches a
 * server that knows of no call: so clients get a session id, which stands for nothing but whose calls are whose.
 */
import type { RequestId } from "@modelcontextprotocol/server"

export const header = "mcp-session-id"

export class Withdrawals {
  readonly #open = new Map<string, AbortController>()

  /** Aborted once the client takes the call back. `done` says that there is nothing to take back any more. */
  open(session: string, id: RequestId): { readonly signal: AbortSignal; readonly done: () => void } {
    const key = keyOf(session, id)
    const controller = new AbortController()
    this.#open.set(key, controller)
    return {
      signal: controller.signal,
      done: () => {
        if (this.#open.get(key) === controller) this.#open.delete(key)
      }
    }
  }

  /** A call that nobody knows has ended already. */
  withdraw(session: string, id: RequestId): void {
    this.#open.get(keyOf(session, id))?.abort()
  }
}

// internal

/** `1` and `"1"` are two calls. */
const keyOf = (session: string, id: RequestId): string => JSON.stringify([session, id])
