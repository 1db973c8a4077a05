/** The way to one server, live: what the client of the protocol speaks through, and how it ended. */
import type { Transport } from "@modelcontextprotocol/client"
import type { State } from "./Connection.ts"

export interface Link {
  readonly kind: State["transport"]
  readonly transport: Transport
  readonly pid?: number
  /** Why nothing more comes of it. Undefined while it is well, and when it was closed from this side. */
  readonly end: () => End | undefined
  /** The end of what the server wrote for people, and the first of what it wrote in the place of messages. */
  readonly said: () => Said
}

export type End =
  /** Of code and signal one is there. `isMute`: it was killed because it had closed its standard output. */
  | { readonly _tag: "Exited"; readonly code?: number; readonly signal?: string; readonly isMute: boolean }
  /** It sent more than it may in one message. Bytes. */
  | { readonly _tag: "TooLarge"; readonly size: number; readonly limit: number }
  /** The other side closed it. */
  | { readonly _tag: "Closed"; readonly words: string }

export interface Said {
  /** At most 8 KiB. */
  readonly stderr: string
  /** Lines that are no messages. */
  readonly noise: number
  readonly firstNoise?: string
}

export const silent: Said = { stderr: "", noise: 0 }
