/** One MCP server as it is configured, whatever dialect it was written in. */

export interface Server {
  readonly name: string
  readonly reach: Reach
  /** Before the name of each of its tools. Default: the server's name and a dot. */
  readonly prefix: string
  readonly tools: ToolRules
  /** `auto` asks for the newest revision first, `legacy` begins with `initialize`. Default: `legacy` by stdio, else `auto`. */
  readonly protocol: "auto" | "legacy" | "2026-07-28"
  /** `lazy`: with the first call or list. Default. */
  readonly start: "lazy" | "eager"
  /** Milliseconds: until it has answered the first time, has listed, has answered a call. Defaults 30,000, 30,000, 60,000. */
  readonly startTimeout: number
  readonly listTimeout: number
  /** Begins anew with each progress that the server tells. */
  readonly callTimeout: number
  /** Milliseconds of a call in all, whatever progress it tells. Default: none. */
  readonly totalTimeout?: number
  /** Milliseconds without a call after which it is stopped; the next call starts it again. Default: never. */
  readonly idleTimeout?: number
  /** Bytes of one message. Default 10 MiB. */
  readonly maxMessage: number
  /** Calls at once. Default 16. */
  readonly concurrency: number
  readonly restart: Restart
  /** Folders it may know of, absolute. */
  readonly roots: ReadonlyArray<string>
  /** Values that references of the configuration stand for, in whatever place: no message shows them. */
  readonly hidden?: ReadonlyArray<string>
  /** Patterns of its tools, without prefix, that a person has to approve; `destructive`: those that say so themselves. */
  readonly approve: ReadonlyArray<string> | "destructive"
}

export type Reach =
  | {
      readonly _tag: "Stdio"
      readonly command: string
      readonly args: ReadonlyArray<string>
      /** Beside the environment that every child gets. */
      readonly env: { readonly [name: string]: string }
      /** Absolute. */
      readonly cwd?: string
    }
  | {
      readonly _tag: "Http"
      readonly url: string
      readonly headers: { readonly [name: string]: string }
      readonly auth?: Auth
      /** `sse` is the transport of 2024-11-05 alone; else Streamable HTTP, and that one where the server knows no other. */
      readonly sse: boolean
    }
  | { readonly _tag: "WebSocket"; readonly url: string }

export type Auth =
  | { readonly _tag: "Bearer"; readonly token: string }
  | {
      readonly _tag: "ClientCredentials"
      readonly clientId: string
      readonly clientSecret: string
      readonly scope?: string
      /** The one authorization server that may see them. Default: whichever the server names. */
      readonly issuer?: string
    }

/** Patterns over the names that the server gives. */
export interface ToolRules {
  readonly include: ReadonlyArray<string>
  readonly exclude: ReadonlyArray<string>
  /** Other names, without prefix, by the server's own. */
  readonly aliases: { readonly [tool: string]: string }
}

export interface Restart {
  /** Starts that may fail within `window` before none is tried for so long. Default 5. */
  readonly max: number
  /** Milliseconds before the second try, doubled each time. Default 500. */
  readonly backoff: number
  /** Milliseconds. Default 60,000. */
  readonly window: number
}

/** A server that cannot be used as it is written: the others can. */
export interface Unusable {
  readonly name: string
  /** What is wrong, and where it is written. */
  readonly reason: string
}
