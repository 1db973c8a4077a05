import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Result } from "effect"
import * as ContainerHost from "../src/ContainerHost.ts"
import * as ContainerPool from "../src/ContainerPool.ts"
import { execute, failure } from "./Tasks.ts"

const within = (env: { readonly [name: string]: string }) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

describe("the name of an engine", () => {
  it("is a socket of this machine", () => {
    for (const host of ["unix:///run/a.sock", "/run/a.sock"]) {
      assert.deepStrictEqual(ContainerHost.pathOf(host), Result.succeed("/run/a.sock"))
    }
  })

  it("is refused elsewhere, without what is secret in it", () => {
    for (const host of ["tcp://10.0.0.1:2375", "ssh://me:secret@host", "unix://relative", "", "npipe:////./pipe/x"]) {
      const refused = ContainerHost.pathOf(host)
      assert.isTrue(Result.isFailure(refused), host)
      assert.include(JSON.stringify(refused), "expected a socket of this machine")
      assert.notInclude(JSON.stringify(refused), "secret")
    }
  })
})

describe.skipIf(process.platform !== "linux")("where there is no engine", () => {
  it.live("DOCKER_HOST alone is looked at, and what would help is named", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(ContainerHost.find())
      assert.include(reason, "looked at unix:///nowhere/engine.sock (not there); start Docker")
      assert.notInclude(reason, "/var/run")
      assert.include(reason, "DOCKER_HOST=unix://")
    }).pipe(within({ DOCKER_HOST: "unix:///nowhere/engine.sock" }))
  )

  it.live("an empty variable says nothing, and each usual place is looked at", () =>
    Effect.gen(function* () {
      const places = ContainerHost.usual("/home/me", "/run/user/7")
      assert.includeMembers(
        [...places],
        ["/var/run/docker.sock", "/run/user/7/podman/podman.sock", "/home/me/.docker/run/docker.sock"]
      )
      assert.deepStrictEqual([...ContainerHost.usual(undefined, undefined)], [places[0], places.at(-1)])
      const found = yield* Effect.result(ContainerHost.find())
      // what this machine has is its own affair
      if (Result.isFailure(found)) assert.include(found.failure.reason, "/var/run/docker.sock")
    }).pipe(within({ DOCKER_HOST: "" }))
  )

  it.live("the level is not there, and says so each time", () =>
    Effect.gen(function* () {
      const pool = yield* ContainerPool.make({ sources: "/srv", most: 1, host: "unix:///nowhere/engine.sock" })
      assert.include(yield* pool.lacking, "no container engine answers")
      assert.include((yield* Effect.flip(pool.runner())).reason, "no container engine answers")
    })
  )

  it.live("a task that asks for one is not run otherwise", () =>
    Effect.gen(function* () {
      const options = { container: { host: "unix:///nowhere/engine.sock" } }
      const refused = yield* failure(execute({ code: "result = 1", sandbox: "container" }, options))
      assert.include(refused.message, "no container engine answers: looked at unix:///nowhere/engine.sock (not there)")
      assert.isFalse(refused.retryable)
    })
  )

  it.live("nothing else is asked for what cannot be an image", () =>
    Effect.gen(function* () {
      const pool = yield* ContainerPool.make({ sources: "/srv", most: 1, image: "a/../b" })
      assert.strictEqual(yield* pool.lacking, '"a/../b" is no name of an image')
    })
  )
})
