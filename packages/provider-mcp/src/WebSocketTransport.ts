/** Messages over a WebSocket with the subprotocol `mcp`: no revision of the protocol has it, some servers do. */
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
import * as Frame from "./Frame.ts"
import type { End } from "./Link.ts"

export class WebSocketTransport implements Transport {
  // These three are assigned by the client.
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  end: End | undefined
  readonly #url: string
  readonly #maxMessage: number
  #socket: WebSocket | undefined
  #isOver = false

  constructor(url: string, maxMessage: number) {
    this.#url = url
    this.#maxMessage = maxMessage
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url, "mcp")
      this.#socket = socket
      let isOpen = false
      socket.addEventListener("open", () => {
        isOpen = true
        resolve()
      })
      // what is wrong is told by `close`
      socket.addEventListener("error", () => {})
      socket.addEventListener("message", ({ data }) => this.#read(data))
      socket.addEventListener("close", ({ code, reason }) => {
        const closed = `it closed the WebSocket with ${code}${reason === "" ? "" : ` (${reason})`}`
        const words = isOpen ? closed : "the WebSocket cannot be opened"
        if (!this.#isOver) this.end ??= { _tag: "Closed", words }
        reject(new Error(words))
        this.#conclude()
      })
    })
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("the WebSocket is not open"))
    this.#socket.send(JSON.stringify(message))
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#socket?.close()
    this.#conclude()
    return Promise.resolve()
  }

  #read(data: unknown): void {
    if (this.#isOver || typeof data !== "string") return
    // a sign takes three bytes at most for each unit of its length
    const size = data.length * 3 > this.#maxMessage ? Buffer.byteLength(data) : 0
    if (size > this.#maxMessage) {
      this.end = { _tag: "TooLarge", size, limit: this.#maxMessage }
      this.#socket?.close()
      return this.#conclude()
    }
    const message = Frame.read(data)
    if (message !== undefined) this.onmessage?.(message)
  }

  #conclude(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.onclose?.()
  }
}
