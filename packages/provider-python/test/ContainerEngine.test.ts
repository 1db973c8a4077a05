import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ContainerEngine from "../src/ContainerEngine.ts"

/** An engine whose answers are given. */
const answering = (
  answer: (request: IncomingMessage, response: ServerResponse) => void
): Effect.Effect<ContainerEngine.Engine, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-test-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const path = join(folder, "engine.sock")
    yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(answer)
        server.listen(path, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    )
    return ContainerEngine.make(path)
  })

const saying = (status: number, body: string, heard: Array<string> = []) =>
  answering((request, response) => {
    heard.push(`${request.method} ${request.url}`)
    response.writeHead(status).end(body)
  })

const reasonOf = <A>(effect: Effect.Effect<A, ContainerEngine.EngineFailed>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("an engine", () => {
  it.live("says which it is", () =>
    Effect.gen(function* () {
      for (const [server, program] of [
        ["Docker/29.0.1 (linux)", "docker"],
        ["Libpod/4.3.1 (linux)", "podman"],
        ["", "docker"]
      ] as const) {
        const engine = yield* answering((_, response) => response.writeHead(200, { server }).end("OK"))
        assert.strictEqual(yield* engine.program, program)
      }
    })
  )

  it.live("has an image, with what programs in it are given, or has it not", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const engine = yield* saying(200, '{"Config":{"Env":["PATH=/usr/bin","A=b=c","=x","y"]}}', heard)
      const image = yield* engine.image("docker.io/library/python:3.13")
      assert.deepStrictEqual(image, { env: { PATH: "/usr/bin", A: "b=c" } })
      assert.deepStrictEqual(heard, ["GET /images/docker.io/library/python%3A3.13/json"])
      const bare = yield* saying(200, '{"Config":{"Env":null}}')
      assert.deepStrictEqual(yield* bare.image("a"), { env: {} })
      const without = yield* saying(404, '{"message":"no such image"}')
      assert.isUndefined(yield* without.image("a"))
      const broken = yield* saying(500, '{"message":"the disk is full"}')
      assert.strictEqual(yield* reasonOf(broken.image("a")), "the disk is full")
    })
  )

  it.live("tells what it does not do of what it was asked for", () =>
    Effect.gen(function* () {
      const engine = yield* saying(201, '{"Id":"abc","Warnings":["Limitation discarded."]}')
      assert.deepStrictEqual(yield* engine.create({}), { id: "abc", warnings: ["Limitation discarded."] })
      const quiet = yield* saying(201, '{"Id":"abc","Warnings":null}')
      assert.deepStrictEqual(yield* quiet.create({}), { id: "abc", warnings: [] })
    })
  )

  it.live("lists by a label, running or not", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const body = '[{"Id":"a","State":"running","Labels":{"x":"y"}},{"Id":"b","State":"exited","Labels":null}]'
      const engine = yield* saying(200, body, heard)
      assert.deepStrictEqual(yield* engine.list("x=y"), [
        { id: "a", running: true, labels: { x: "y" } },
        { id: "b", running: false, labels: {} }
      ])
      assert.strictEqual(decodeURIComponent(heard[0] ?? ""), 'GET /containers/json?all=1&filters={"label":["x=y"]}')
    })
  )

  it.live("waits for an exit code", () =>
    Effect.gen(function* () {
      const engine = yield* saying(200, '{"StatusCode":137,"Error":null}')
      assert.strictEqual(yield* engine.wait("abc"), 137)
    })
  )

  it.live("has removed what nobody has any more, and what is being removed", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      for (const status of [204, 404, 409]) yield* (yield* saying(status, "", heard)).remove("abc")
      assert.deepStrictEqual(heard, Array(3).fill("DELETE /containers/abc?force=1&v=1"))
      const engine = yield* saying(500, "no")
      assert.strictEqual(yield* reasonOf(engine.remove("abc")), "no")
    })
  )

  it.live("is none when it answers otherwise", () =>
    Effect.gen(function* () {
      const strange = "it does not answer as a container engine does"
      assert.strictEqual(yield* reasonOf((yield* saying(200, "<html>")).program), strange)
      for (const body of ["", "<html>", "[]", '{"StatusCode":"0"}']) {
        assert.strictEqual(yield* reasonOf((yield* saying(200, body)).wait("abc")), strange, body)
      }
      const refusing = yield* saying(500, "")
      assert.strictEqual(yield* reasonOf(refusing.program), "status 500")
    })
  )

  it.live("is cut off when it ends in the middle, or never ends", () =>
    Effect.gen(function* () {
      const cut = yield* answering((_, response) => {
        response.writeHead(200, { "content-length": 1000 })
        response.write("{", () => response.destroy())
      })
      assert.include(["aborted", "the answer ended before it was complete"], yield* reasonOf(cut.program))
      const endless = yield* answering((_, response) => {
        const more = () => {
          while (response.write(Buffer.alloc(65_536)));
          response.once("drain", more)
        }
        more()
      })
      assert.strictEqual(yield* reasonOf(endless.program), "an answer of more than 4194304 bytes")
    })
  )

  it.live("fails where there is no socket, and where nobody listens", () =>
    Effect.gen(function* () {
      const nowhere = ContainerEngine.make("/nowhere/engine.sock")
      assert.strictEqual(yield* reasonOf(nowhere.program), "not there")
      assert.strictEqual(nowhere.where, "unix:///nowhere/engine.sock")
      const refused = ContainerEngine.make(import.meta.filename)
      assert.strictEqual(yield* reasonOf(refused.start("abc")), "nothing listens there")
    })
  )
})

describe("what a container has written", () => {
  const piece = (stream: number, text: string) => {
    const head = Buffer.alloc(8)
    head[0] = stream
    head.writeUInt32BE(Buffer.byteLength(text), 4)
    return Buffer.concat([head, Buffer.from(text)])
  }

  it("comes in pieces with a head, or as it is", () => {
    assert.strictEqual(ContainerEngine.textOf(Buffer.concat([piece(1, "one\n"), piece(2, "twö")])), "one\ntwö")
    assert.strictEqual(ContainerEngine.textOf(piece(2, "x").subarray(0, 8)), "")
    assert.strictEqual(ContainerEngine.textOf(Buffer.from("Traceback (most recent")), "Traceback (most recent")
    assert.strictEqual(ContainerEngine.textOf(new Uint8Array()), "")
  })
})
