import { assert, describe, it } from "@effect/vitest"
import { play, type Scenario } from "./HubSimulation.ts"

const three = { speeds: [1, 1, 1], room: 1, models: 4, skew: 1 }
const four = { speeds: [1, 1, 1, 1], room: 2, models: 5, skew: 1 }
const unequal = { speeds: [4, 1, 1], room: 1, models: 2, skew: 1 }

/** With the mean latency in seconds that is far above what the hub needs, and far below what is left to grow. */
const scenarios: Record<string, readonly [Omit<Scenario, "seed" | "requests">, number]> = {
  "three servers with one model each in memory, four models": [{ ...three, rate: 0.22 }, 30],
  "one model that nearly everybody wants": [{ ...three, models: 3, skew: 4, rate: 0.5 }, 30],
  "four servers with two models each in memory, five models": [{ ...four, rate: 0.5 }, 15],
  "the same with 1.7 times as many requests": [{ ...four, rate: 0.85 }, 25],
  "one fast server and two slow ones": [{ ...unequal, rate: 0.5 }, 12],
  "the same with twice as many requests": [{ ...unequal, rate: 1 }, 20]
}

const requests = 400

describe("a hub on paper", () => {
  for (const [name, [scenario, limit]] of Object.entries(scenarios)) {
    it(`keeps up with ${name}`, () => {
      for (const seed of [1, 2]) {
        const hub = play({ ...scenario, requests, seed }, "hub")
        const inTurn = play({ ...scenario, requests, seed }, "in turn")
        assert.strictEqual(hub.answered, requests)
        assert.isBelow(hub.mean, limit)
        assert.isBelow(hub.mean, inTurn.mean * 0.5)
        assert.isBelow(hub.loads, inTurn.loads * 0.6)
      }
    })
  }

  it("answers every request when a server dies on the way", () => {
    for (const server of [0, 1, 2]) {
      const dying = { ...unequal, speeds: [3, 2, 2], rate: 0.4, requests, seed: 3, dies: { server, at: 500 } }
      const { answered, mean } = play(dying, "hub")
      assert.strictEqual(answered, requests)
      assert.isBelow(mean, 40)
    }
  })

  it("gives the same twice", () => {
    const scenario = { ...three, rate: 0.22, requests: 200, seed: 5 }
    assert.deepStrictEqual(play(scenario, "hub"), play(scenario, "hub"))
  })
})
