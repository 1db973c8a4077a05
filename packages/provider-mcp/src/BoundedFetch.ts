/**
 * `fetch` for one server: its configured headers go to its own origin alone, no message is read further than its limit,
 * and an answer may be silent for as long as it is waited for. What follows redirects, and with which credentials, is not
 * decided here.
 */

export interface Options {
  readonly url: URL
  readonly headers: { readonly [name: string]: string }
  /** Bytes of one message. */
  readonly maxMessage: number
  /** Called with the bytes read so far when a message is larger; reading fails after that. */
  readonly tooLarge: (size: number) => void
}

export const make =
  ({ headers, maxMessage, tooLarge, url }: Options) =>
  (input: string | URL, init?: RequestInit): Promise<Response> => {
    const sent = new Headers(init?.headers)
    if (new URL(input).origin === url.origin) {
      for (const [name, value] of Object.entries(headers)) if (!sent.has(name)) sent.set(name, value)
    }
    return fetch(input, { ...init, ...patience(), headers: sent }).then((response) => {
      if (!response.ok || response.body === null) return response
      const { status, statusText } = response
      const announced = Number(response.headers.get("content-length") ?? 0)
      const isStream = response.headers.get("content-type")?.includes("text/event-stream") === true
      const refuse = (size: number) => {
        tooLarge(size)
        return new Error(`a message of more than ${maxMessage} bytes`)
      }
      if (announced > maxMessage) {
        void response.body.cancel().catch(() => {})
        return Promise.reject(refuse(announced))
      }
      const body = response.body.pipeThrough(bounded(maxMessage, isStream, refuse))
      return new Response(body, { status, statusText, headers: response.headers })
    })
  }

// internal

/** What the `fetch` of Node goes through, as far as it is needed here. */
interface Dispatcher {
  readonly isMockActive?: boolean
  readonly dispatch: (options: object, handler: unknown) => boolean
}

const isDispatcher = (value: unknown): value is Dispatcher =>
  typeof value === "object" && value !== null && "dispatch" in value && typeof value.dispatch === "function"

/**
 * What lets a silent answer last: by itself Node ends one after 300 s, whatever timeouts there are above. Where Node has
 * nothing at the place that is known here, its limit stands.
 */
const patience = (): RequestInit => {
  const own: unknown = Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1"))
  if (!isDispatcher(own)) return {}
  const dispatch: Dispatcher["dispatch"] = (options, handler) =>
    own.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler)
  // Safe: `fetch` asks it for nothing else.
  return {
    dispatcher: { dispatch, isMockActive: own.isMockActive } as unknown as NonNullable<RequestInit["dispatcher"]>
  }
}

/** `isStream`: events of a stream are messages, with an empty line after each. */
const bounded = (limit: number, isStream: boolean, refuse: (size: number) => Error) => {
  let size = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => {
      let from = 0
      let largest = 0
      for (let end = isStream ? nextEnd(bytes, 0) : -1; end >= 0; end = nextEnd(bytes, from)) {
        largest = Math.max(largest, size + end - from)
        size = 0
        from = end
      }
      size += bytes.byteLength - from
      largest = Math.max(largest, size)
      if (largest > limit) return controller.error(refuse(largest))
      controller.enqueue(bytes)
    }
  })
}

/** Behind the next empty line; -1 without one. One that is split over two pieces is not seen. */
const nextEnd = (bytes: Uint8Array, from: number): number => {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    const next = bytes[at + 1] === 13 ? at + 2 : at + 1
    if (bytes[next] === 10) return next + 1
  }
  return -1
}
