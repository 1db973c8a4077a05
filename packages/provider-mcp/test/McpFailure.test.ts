/** What is said of a server that goes wrong: the reason at the bottom of it, and nothing that was given in confidence. */
import { assert, describe, it } from "@effect/vitest"
import { type McpSection, Secrets } from "@gleitzeit/core"
import { Effect, Logger } from "effect"
import { delimiter, join } from "node:path"
import { execPath } from "node:process"
import * as Connection from "../src/Connection.ts"
import * as McpConfig from "../src/McpConfig.ts"
import * as McpServers from "../src/McpServers.ts"
import * as ServerEntry from "../src/ServerEntry.ts"
import { reached } from "./http.ts"
import { fake } from "./hub.ts"

const token = "ada-and-grace-1815"

/** Of one server, as it is written: its tools. */
const refused = Effect.fnUntraced(
  function* (server: McpSection.Server) {
    const source = { servers: [{ name: "one", from: "file", server, folder: "/tmp" }], folder: "/tmp", home: "/root" }
    const hub = yield* McpServers.make(McpConfig.servers(yield* McpConfig.read(source)))
    return (yield* Effect.flip(Effect.flatMap(hub.connection("one"), ({ tools }) => tools))).message
  },
  Effect.provide(Secrets.layerRecord({ TOKEN: token }))
)

describe("a failure", () => {
  it.live("says what is at the bottom of it", () =>
    Effect.gen(function* () {
      for (const protocol of ["auto", "legacy"] as const) {
        // a port that no browser and no `fetch` goes to
        const connection = yield* Connection.make(reached("http://127.0.0.1:9/mcp", { protocol }))
        assert.match(
          (yield* Effect.flip(connection.tools)).message,
          /the greeting at the server "one" failed: "bad port"$/
        )
      }
    })
  )

  it.live("of what a server does not have is that of a method that is not there", () =>
    Effect.gen(function* () {
      const args = [join(import.meta.dirname, "modern.mjs")]
      const server = ServerEntry.plain("one", { _tag: "Stdio", command: execPath, args, env: {} }, [])
      const connection = yield* Connection.make({ ...server, protocol: "2026-07-28" })
      const { data, message } = yield* Effect.flip(connection.request("resources/subscribe", { uri: "file:///x" }))
      assert.match(message, /the server "one" has no resources\/subscribe/)
      assert.deepStrictEqual(data, { code: -32_601 })
    })
  )

  it.live("shows nothing that a reference stands for", () =>
    Effect.gen(function* () {
      const args = ["-e", "console.error(process.argv.at(-1)); process.exit(3)", "--", "--key=${secrets.TOKEN}"]
      assert.match(yield* refused({ command: execPath, args }), /exit code 3.*it last wrote: "--key=\*\*\*"$/)
      assert.match(yield* refused({ command: "${secrets.TOKEN}" }), /the command "\*\*\*" is not found/)
      const url = "http://127.0.0.1:9/${secrets.TOKEN}/mcp?key=${secrets.TOKEN}"
      assert.notInclude(yield* refused({ url }), token)
      assert.match(yield* refused({ url: "http://127.0.0.1:1/x", headers: { X: "${secrets.TOKEN}" } }), /bad port/)
    })
  )

  it.live("shows none of a URL that has a password in it", () =>
    Effect.gen(function* () {
      const message = yield* refused({ url: "https://ada:pw@127.0.0.1/mcp" })
      assert.match(message, /a URL with a user or a password is not taken; `headers` or `auth` has room for them/)
      assert.notMatch(message, /pw|ada/)
    })
  )

  it.live("names a few folders of the PATH", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 40 }, (_, index) => `/no/bin${index}`).join(delimiter)
      const message = yield* refused({ command: "no-such-command", env: { PATH: many } })
      assert.match(message, /it is in no folder of PATH \(.{1,80} and 37 more\)/)
    })
  )
})

it.live("a server that is left out is told of once, for as long as it rests for one reason", () =>
  Effect.gen(function* () {
    const told: Array<unknown> = []
    const hub = yield* McpServers.make([fake("one", { mode: "exit-start" })])
    const logger = Logger.make(({ message }) => void told.push(message))
    const look = Effect.provide(hub.tools, Logger.layer([logger]))
    yield* look
    yield* look
    assert.lengthOf(told, 1)
  })
)
