/**
 * Ollama servers on paper, in virtual time: one request of a model at a time, in order; a model that is not in memory
 * is loaded first, once what has to make room is idle. What goes to which server is decided by the hub's queue, or in
 * turn. Times in seconds.
 */
import * as HubNode from "../src/HubNode.ts"
import { HubQueue } from "../src/HubQueue.ts"

export interface Scenario {
  readonly speeds: ReadonlyArray<number>
  /** Models that fit into a server's memory. */
  readonly room: number
  readonly models: number
  /** How much more often the first models are asked for than the last. */
  readonly skew: number
  /** Requests a second. */
  readonly rate: number
  readonly requests: number
  readonly seed: number
  /** The server that goes away, and when. */
  readonly dies?: { readonly server: number; readonly at: number }
}

export interface Outcome {
  readonly mean: number
  readonly loads: number
  readonly answered: number
  /** The most that waited at once. */
  readonly longest: number
}

interface Job {
  readonly model: string
  readonly at: number
  readonly work: number
  readonly done: (took: number) => void
  readonly lost: () => void
}

class Server {
  readonly loaded: Array<string> = []
  readonly waiting: Array<Job> = []
  readonly running: Array<Job> = []
  loading: string | undefined
  dead = false
  readonly url: string
  readonly speed: number

  constructor(url: string, speed: number) {
    this.url = url
    this.speed = speed
  }
}

const coldLoad = 15
const meanWork = 4

export const play = (scenario: Scenario, policy: "hub" | "in turn"): Outcome => {
  const { models, rate, requests, room, seed, skew, speeds } = scenario
  const random = generator(seed)
  const spread = (mean: number) => -mean * Math.log(1 - random())
  const weights = Array.from({ length: models }, (_, index) => 1 / (index + 1) ** skew)
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  const pick = () => {
    let at = random() * all
    const index = weights.findIndex((weight) => (at -= weight) < 0)
    return `m${index < 0 ? 0 : index}:latest`
  }
  const servers = speeds.map((speed, index) => new Server(`http://s${index}`, speed))
  const events: Array<{ readonly at: number; readonly run: () => void }> = []
  let now = 0
  const plan = (at: number, run: () => void) => {
    const place = events.findLastIndex((event) => event.at <= at)
    events.splice(place + 1, 0, { at, run })
  }
  let loads = 0
  const latencies: Array<number> = []

  const work = (server: Server): void => {
    for (let index = 0; index < server.waiting.length;) {
      const job = server.waiting[index]
      if (job === undefined || server.dead) return
      if (!server.loaded.includes(job.model)) {
        if (server.loading !== undefined) return
        const victim = server.loaded.find(
          (model) =>
            !server.running.some((other) => other.model === model) &&
            !server.waiting.slice(0, index).some((other) => other.model === model)
        )
        if (server.loaded.length >= room && victim === undefined) return
        if (server.loaded.length >= room) server.loaded.splice(server.loaded.indexOf(victim ?? ""), 1)
        server.loading = job.model
        loads++
        plan(now + coldLoad / server.speed, () => {
          server.loaded.push(job.model)
          server.loading = undefined
          work(server)
        })
        return
      }
      if (server.running.some(({ model }) => model === job.model)) index++
      else {
        server.waiting.splice(index, 1)
        server.running.push(job)
        server.loaded.push(...server.loaded.splice(server.loaded.indexOf(job.model), 1))
        const begun = now
        plan(now + job.work / server.speed, () => {
          if (server.dead) return
          server.running.splice(server.running.indexOf(job), 1)
          job.done(now - begun)
          work(server)
        })
      }
    }
  }
  const give = (server: Server, job: Job) => {
    if (server.dead) return job.lost()
    server.waiting.push(job)
    work(server)
  }

  const queue = new HubQueue(
    servers.map(({ url }) => ({ url })),
    { maxQueue: Infinity, patience: Infinity }
  )
  let longest = 0
  for (const { url } of servers) {
    const names = Array.from({ length: models }, (_, index) => `m${index}:latest`)
    queue.update(url, (node) =>
      HubNode.found(HubNode.seen(HubNode.told(node, new Map(names.map((name) => [name, { name }])), 0), [], 0))
    )
  }
  const turn = () => {
    const { look } = queue.turn(now * 1000)
    for (const { url } of look) {
      const server = servers.find((server) => server.url === url)
      if (server === undefined) continue
      queue.update(url, (node) =>
        server.dead
          ? HubNode.cooled(node, { kind: "down", reason: "it is dead", now: now * 1000, jitter: 0.5 })
          : HubNode.seen(
              { ...node, toldAt: now * 1000 },
              [...server.loaded, ...(server.loading === undefined ? [] : [server.loading])],
              now * 1000
            )
      )
    }
    longest = Math.max(longest, queue.length)
  }
  let turns = 0
  const arrive = (model: string, size: number) => {
    const at = now
    if (policy === "in turn") {
      const server = servers[turns++ % servers.length]
      if (server === undefined) return
      give(server, { model, at, work: size, done: () => latencies.push(now - at), lost: () => {} })
      return
    }
    const entry = queue.enter({ model }, now * 1000)
    if (entry === undefined) return
    entry.wake = () => {
      const { outcome } = entry
      const server = servers.find(({ url }) => outcome?._tag === "Granted" && url === outcome.url)
      if (server === undefined || outcome?._tag !== "Granted") return
      const cold = !server.loaded.includes(model)
      plan(now, () =>
        give(server, {
          model,
          at,
          work: size,
          done: (took) => {
            latencies.push(now - at)
            queue.leave(entry)
            const total = took * 1000 + (cold ? (coldLoad / server.speed) * 1000 : 0)
            const load = cold ? (coldLoad / server.speed) * 1000 : 0
            queue.update(server.url, (node) => HubNode.learned(node, outcome.work, { load, total }))
            turn()
          },
          lost: () => {
            queue.leave(entry)
            queue.update(server.url, (node) =>
              HubNode.cooled(node, { kind: "down", reason: "it is dead", now: now * 1000, jitter: 0.5 })
            )
            queue.join(entry)
            turn()
          }
        })
      )
    }
    turn()
  }
  let at = 0
  for (let index = 0; index < requests; index++) {
    at += spread(1 / rate)
    const model = pick()
    const size = Math.max(0.2, spread(meanWork))
    plan(at, () => arrive(model, size))
  }
  if (scenario.dies !== undefined) {
    const { dies } = scenario
    plan(dies.at, () => {
      const server = servers[dies.server]
      if (server === undefined) return
      server.dead = true
      for (const job of [...server.running.splice(0), ...server.waiting.splice(0)]) job.lost()
    })
  }
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    now = event.at
    event.run()
  }
  return {
    mean: latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length,
    loads,
    answered: latencies.length,
    longest
  }
}

const generator = (seed: number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
