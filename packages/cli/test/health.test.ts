import { assert, describe, it } from "@effect/vitest"
import { table } from "../src/commands/doctor.ts"
import { healthTable } from "../src/commands/providers.ts"
import * as Style from "../src/Style.ts"

const plain = Style.make({ color: false, unicode: true })

const hub = {
  name: "ollama",
  protocol: "llm/v1",
  health: {
    status: "degraded",
    details: {
      queued: 2,
      endpoints: [
        { url: "http://127.0.0.1:11434", status: "healthy", models: ["llama3.2:latest"], in_flight: 1 },
        { url: "http://gpu:11434", status: "unhealthy", reason: "nothing listens there", cools_for_seconds: 2 }
      ]
    }
  }
} as const

describe("healthTable", () => {
  it("gives each endpoint of a provider a line below the provider's own", () => {
    assert.deepStrictEqual(healthTable([hub], plain), [
      `${plain.signs.warning} ollama  llm/v1  degraded  queued 2, endpoints 1 of 2 healthy`,
      `    ${plain.signs.completed} http://127.0.0.1:11434  healthy    models llama3.2:latest, in flight 1`,
      `    ${plain.signs.failed} http://gpu:11434        unhealthy  reason nothing listens there, cools for 2 s`
    ])
  })

  it("gives them the same lines in what `doctor` finds", () => {
    const { details } = hub.health
    const found = { what: "ollama", status: "degraded", detail: "queued 2", health: details } as const
    const [, ...endpoints] = healthTable([hub], plain)
    assert.deepStrictEqual(table([found], plain), [`${plain.signs.warning} ollama  queued 2`, ...endpoints])
  })

  it("gives each level that a provider may offer a line, with why it is not to be had", () => {
    const python = {
      name: "python",
      protocol: "python/v1",
      health: { status: "healthy", details: { version: "3.11.2", levels: { none: null, ns: "no namespaces" } } }
    } as const
    assert.deepStrictEqual(healthTable([python], plain), [
      `${plain.signs.completed} python  python/v1  healthy  version 3.11.2`,
      `    ${plain.signs.completed} none  available`,
      `    ${plain.signs.warning} ns    not available  no namespaces`
    ])
  })

  it("shows a list that is no list of endpoints as a fact", () => {
    const one = { ...hub, health: { status: "healthy", details: { endpoints: ["a", "b"] } } } as const
    assert.deepStrictEqual(healthTable([one], plain), [
      `${plain.signs.completed} ollama  llm/v1  healthy  endpoints a b`
    ])
  })
})
