/**
 * Calls kept in files, and played back from them: an executor around another. What a provider gave, showed and used is
 * recorded once, and later given again without the provider, at once and in the same order. Secrets stand in recordings
 * by name. What the engine answers itself (`data/v1`, `timer/v1`, `human/v1`, `signal/v1`) is not recorded, and neither
 * is what was interrupted.
 */
import { Cause, Effect, Exit, Layer, type Schema, type Scope } from "effect"
import type { Contract } from "./Contract.ts"
import { DataV1 } from "./DataV1.ts"
import { ProviderUnavailable, type RecordingUnusable, ReplayMiss } from "./Errors.ts"
import { type Call, Executor, type Host, type Reply } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import { Files } from "./Files.ts"
import { HumanV1 } from "./HumanV1.ts"
import { isObject } from "./Json.ts"
import * as Provider from "./Provider.ts"
import { Providers } from "./Providers.ts"
import * as Redaction from "./Redaction.ts"
import * as ReplayDifference from "./ReplayDifference.ts"
import { type Entry, placeOf, ReplayFolder } from "./ReplayFolder.ts"
import type { Recording } from "./ReplayRecording.ts"
import { ReplayHeard } from "./ReplayHeard.ts"
import * as ReplayRequest from "./ReplayRequest.ts"
import type { Request } from "./ReplayRequest.ts"
import * as SecretMarker from "./SecretMarker.ts"
import { Secrets } from "./Secrets.ts"
import { SignalV1 } from "./SignalV1.ts"
import { addUsage, type Usage } from "./Task.ts"
import { TimerV1 } from "./TimerV1.ts"

/**
 * `record`: every call is made, and recorded in place of what was. `replay`: no call is made; one that is not recorded
 * fails with `REPLAY_MISS`. `auto`: results that are recorded are given, all else is called and recorded. `off`: nothing.
 */
export type Mode = "off" | "record" | "replay" | "auto"

export interface Options {
  readonly mode: Mode
  /** Where recordings lie. It is made when there is something to record. */
  readonly folder: string
  /** Protocols that are called as if there were no recordings, besides those of the engine. Default: none. */
  readonly except?: ReadonlyArray<string>
  /** Providers whose contracts are known without them: they are not kept beside the recordings. Default: none. */
  readonly known?: ReadonlyArray<string>
  /** Asked when the layer is closed. Default: nothing is told. */
  readonly told?: (tally: Tally) => Effect.Effect<void>
}

/** Calls, so far. */
export interface Tally {
  /** Given from recordings. */
  readonly replayed: number
  readonly recorded: number
}

/**
 * Around the executor below: `Replay.layer(options).pipe(Layer.provide(Executor.layerLocal))`. Where calls are replayed,
 * providers that are not on duty when it is built have stand-ins. Fails on contracts beside the recordings that cannot be
 * read.
 */
export const layer = (options: Options): Layer.Layer<Executor, Failure, Executor | Files | Providers | Secrets> =>
  Layer.effect(Executor, make(options))

export const make = (
  options: Options
): Effect.Effect<Executor["Service"], Failure, Executor | Files | Providers | Secrets | Scope.Scope> =>
  Effect.gen(function* () {
    const inner = yield* Executor
    if (options.mode === "off") return inner
    const player = new Player(options, inner, yield* Files, yield* Secrets)
    if (options.mode === "replay") yield* standIn(options.folder)
    yield* Effect.addFinalizer(() => options.told?.(player.tally) ?? Effect.void)
    return Executor.of({
      contracts: player.contracts,
      execute: (call, host) => player.execute(call, host),
      survey: (call) => player.survey(call),
      forget: (run, settled) => {
        if (settled === undefined) player.forget(run)
        return inner.forget(run, settled)
      }
    })
  })

/**
 * Providers whose recordings speak for them: their contracts are kept, and nothing of them has to be carried out again.
 * Where calls are replayed they need not be there.
 */
export const replaced = (path: string): Effect.Effect<ReadonlySet<string>, RecordingUnusable> =>
  Effect.gen(function* () {
    const folder = new ReplayFolder(path)
    const all = yield* folder.duties
    const names = new Set(all.map(({ provider }) => provider))
    for (const { contracts, provider } of all) {
      for (const { method } of contracts) {
        for (const entry of yield* folder.entries(method)) {
          const { by = provider, composed } = yield* folder.read(entry)
          if (composed === true) names.delete(by)
        }
      }
    }
    return names
  })

// internal

const builtIn: ReadonlyArray<string> = [DataV1.id, TimerV1.id, HumanV1.id, SignalV1.id]

/** On duty for those who are not there, with the contracts that they had: handlers may look for what they can call. */
const standIn = (path: string): Effect.Effect<void, Failure, Providers | Scope.Scope> =>
  Effect.gen(function* () {
    const providers = yield* Providers
    const there = new Set((yield* providers.all).map(({ name }) => name))
    for (const { contracts, provider: name } of yield* new ReplayFolder(path).duties) {
      const [first] = contracts
      if (first === undefined || there.has(name)) continue
      const reason = "it is not there: its calls are replayed"
      const away = new ProviderUnavailable({ provider: name, reason, retryable: false })
      const call = () => Effect.fail(away)
      yield* providers.register(
        yield* Provider.open({ name, protocol: first.protocol, contracts: Effect.succeed(contracts), call })
      )
    }
  })

/**
 * Failures that no provider gave: nobody was found, no secret, no room in the budget, or the task waits. Recorded they
 * would stand in the way of the call once it can be made.
 */
const notGiven: ReadonlySet<number> = new Set([-32601, -30002, -30011, -29011, -29004, -29017, -29018])

/** Recordings of a method that are looked at for the one that is nearest to a call. */
const most = 500

class Player {
  readonly #mode: Mode
  readonly #except: ReadonlySet<string>
  readonly #known: ReadonlySet<string>
  readonly #inner: Executor["Service"]
  readonly #files: Files["Service"]
  readonly #secrets: Secrets["Service"]
  readonly #folder: ReplayFolder
  readonly #tally = { replayed: 0, recorded: 0 }
  /** Names of recordings that have been given, by run: each answers one place of it. */
  readonly #given = new Map<string, Set<string>>()
  /** Of calls under way that were given secrets, by run and task: calls that they make may tell them too. */
  readonly #masks = new Map<string, Redaction.Mask>()
  #kept: ReadonlyArray<Contract> | undefined
  #contracts: { readonly of: ReadonlyArray<Contract>; readonly all: ReadonlyArray<Contract> } | undefined
  #warned = false

  constructor(
    { except = [], folder, known = [], mode }: Options,
    inner: Executor["Service"],
    files: Files["Service"],
    secrets: Secrets["Service"]
  ) {
    this.#mode = mode
    this.#except = new Set([...builtIn, ...except])
    this.#known = new Set(known)
    this.#inner = inner
    this.#files = files
    this.#secrets = secrets
    this.#folder = new ReplayFolder(folder)
  }

  get tally(): Tally {
    return { ...this.#tally }
  }

  /** Those that are kept speak for providers that are not there. The same list while nothing has changed. */
  get contracts(): Executor["Service"]["contracts"] {
    if (this.#mode === "record") return this.#inner.contracts
    return Effect.gen({ self: this }, function* () {
      const of = yield* this.#inner.contracts
      if (this.#contracts?.of === of) return this.#contracts.all
      this.#kept ??= (yield* this.#folder.duties).flatMap(({ contracts }) => contracts)
      const idOf = ({ method, provider = "" }: Contract) => `${method} ${provider}`
      const there = new Set(of.map(idOf))
      const more = this.#kept.filter((contract) => !there.has(idOf(contract)))
      const all = more.length === 0 ? of : [...of, ...more]
      this.#contracts = { of, all }
      return all
    })
  }

  execute(call: Call, host: Host): Effect.Effect<Reply, Failure> {
    return Effect.gen({ self: this }, function* () {
      const contract = yield* this.#contractOf(call)
      if (contract === undefined) return yield* this.#inner.execute(call, host)
      const request = yield* ReplayRequest.of(call, contract, this.#files)
      if (this.#mode === "record") return yield* this.#record(call, host, contract, request)
      const found = this.#next(call.run, yield* this.#candidates(call, request))
      if (found?.recording.composed === true) return yield* this.#masking(call, host, this.#inner.execute(call, host))
      if (found !== undefined) {
        // in the same breath: nobody else was given it meanwhile
        this.#givenIn(call.run).add(found.entry.name)
        return yield* this.#play(found.recording, host)
      }
      if (this.#mode === "auto") return yield* this.#record(call, host, contract, request)
      return yield* this.#miss(call, request)
    })
  }

  /**
   * What is recorded uses what it used. Nobody says what an answer depends on: one from the cache would be missing among
   * the recordings, and a recorded one is none for the cache.
   */
  survey(call: Call): ReturnType<Executor["Service"]["survey"]> {
    return Effect.gen({ self: this }, function* () {
      const contract = yield* this.#contractOf(call)
      if (contract === undefined) return yield* this.#inner.survey(call)
      const found = this.#mode === "record" ? undefined : yield* this.#search(call, contract)
      if (found !== undefined && found.recording.composed === undefined) {
        const { usage = [] } = found.recording
        return { identity: undefined, estimate: usage.reduce<Usage>((sum, one) => addUsage(sum, one) ?? sum, {}) }
      }
      if (found === undefined && this.#mode === "replay") return { identity: undefined, estimate: {} }
      const { estimate } = yield* this.#inner.survey(call)
      return { identity: undefined, estimate }
    })
  }

  forget(run: string): void {
    this.#given.delete(run)
  }

  /** Undefined for what is not ours. */
  #contractOf({ method, provider }: Call): Effect.Effect<Contract | undefined, Failure> {
    return Effect.map(this.contracts, (all) => {
      const able = all.filter((contract) => contract.method === method)
      const [first] = able
      const found = provider === undefined ? first : (able.find((one) => one.provider === provider) ?? first)
      return found === undefined || this.#except.has(found.protocol) ? undefined : found
    })
  }

  /**
   * The recording of the same task and attempt alone; where there is none, all of the call in the order of tasks and
   * attempts, of which each place of a run gets another. So equal calls get different answers, the same ones however
   * they race.
   */
  #candidates(call: Call, request: Request): Effect.Effect<ReadonlyArray<Found>, RecordingUnusable> {
    return Effect.gen({ self: this }, function* () {
      const key = ReplayRequest.keyOf(request)
      const place = placeOf(call)
      const entries = (yield* this.#folder.entries(call.method)).filter((one) => one.key === key)
      const own = entries.find((one) => one.place === place)
      const found = yield* Effect.forEach(own === undefined ? entries : [own], (entry) =>
        Effect.map(this.#folder.read(entry), (recording): Found => ({ entry, recording, isOwn: entry === own }))
      )
      return found.filter(({ recording }) => this.#isGood(recording)).toSorted(inOrder)
    })
  }

  #search(call: Call, contract: Contract): Effect.Effect<Found | undefined, RecordingUnusable> {
    return Effect.flatMap(ReplayRequest.of(call, contract, this.#files), (request) =>
      Effect.map(this.#candidates(call, request), (candidates) => this.#next(call.run, candidates))
    )
  }

  /** Of those that another place of the run was not given. */
  #next(run: string, candidates: ReadonlyArray<Found>): Found | undefined {
    const given = this.#given.get(run)
    return candidates.find(({ entry, isOwn }) => isOwn || given?.has(entry.name) !== true)
  }

  /** What failed may succeed when it is asked again. */
  #isGood({ failure }: Recording): boolean {
    return this.#mode === "replay" || failure === undefined
  }

  #givenIn(run: string): Set<string> {
    const known = this.#given.get(run)
    if (known !== undefined) return known
    const given = new Set<string>()
    this.#given.set(run, given)
    return given
  }

  #play(recording: Recording, host: Host): Effect.Effect<Reply, Failure> {
    const { by = "", chunks = [], failure, masked, result = null, usage = [] } = recording
    return Effect.gen({ self: this }, function* () {
      this.#tally.replayed++
      for (const chunk of chunks) yield* host.emit(chunk)
      for (const one of usage) yield* host.usage(one)
      if (failure !== undefined) return yield* Effect.fail(failure)
      return { result, provider: by, ...(masked === true ? { masked } : {}) }
    })
  }

  #record(call: Call, host: Host, contract: Contract, request: Request): Effect.Effect<Reply, Failure> {
    return Effect.gen({ self: this }, function* () {
      // before anything is paid for
      yield* this.#folder.prepare(call.method)
      const heard = new ReplayHeard(host)
      const keep = (outcome: Outcome) =>
        Effect.gen({ self: this }, function* () {
          if (this.#tells(call, request)) {
            const reason = "a secret stands in its params where it has no name, such as in the name of a field"
            return yield* this.#warn({ message: `${call.method} of "${call.task}": ${reason}` })
          }
          // carried out again it tells its chunks and its usage again
          const isWhole = outcome.composed !== true
          const chunks = isWhole ? heard.shown(yield* this.#maskOf(call, host)) : []
          const { name } = yield* this.#folder.write({
            recording: 1,
            ...request,
            task: call.task,
            attempt: call.attempt,
            ...outcome,
            ...(isWhole && heard.usage.length > 0 ? { usage: heard.usage } : {}),
            ...(chunks.length === 0 ? {} : { chunks })
          })
          // an equal call of the run is one more call
          this.#givenIn(call.run).add(name)
          if (isWhole) this.#tally.recorded++
          yield* this.#keepContracts(contract, outcome.by, !isWhole)
        }).pipe(Effect.catch((error) => this.#warn(error)))
      const over = (exit: Exit.Exit<Reply, Failure>): Effect.Effect<void> => {
        if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return Effect.void
        // of several who have the method nobody says who failed
        const name = Exit.isSuccess(exit) ? { by: exit.value.provider } : {}
        if (heard.isComposed) return keep({ ...name, composed: true })
        if (Exit.isSuccess(exit)) {
          const { masked, result } = exit.value
          return isSimulated(result) ? Effect.void : keep({ ...name, result, ...(masked === true ? { masked } : {}) })
        }
        const failure = FailureData.of(FailureData.fromCause(exit.cause))
        return notGiven.has(failure.code) ? Effect.void : keep({ ...name, failure })
      }
      return yield* this.#masking(call, host, Effect.onExit(this.#inner.execute(call, heard.host), over))
    })
  }

  /** What the call was given is known to whoever records the calls that it makes. */
  #masking<A>(call: Call, host: Host, effect: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> {
    if (call.secrets === undefined) return effect
    const place = `${call.run} ${call.task}`
    // without its secrets it is not made
    return Effect.matchEffect(this.#maskOf(call, host), {
      onFailure: () => effect,
      onSuccess: (mask) => {
        if (mask !== undefined) this.#masks.set(place, mask)
        return Effect.ensuring(
          effect,
          Effect.sync(() => this.#masks.delete(place))
        )
      }
    })
  }

  /** Whether a secret of the call, or of one around it, can be read in what is asked. */
  #tells({ run, task }: Call, { params }: Request): boolean {
    for (let end = task.length; end > 0; end = task.lastIndexOf("/", end - 1)) {
      const mask = this.#masks.get(`${run} ${task.slice(0, end)}`)
      if (mask !== undefined && mask(params) !== params) return true
    }
    return false
  }

  /** Of the secrets that the call was given. */
  #maskOf({ params, secrets: places = [] }: Call, host: Host): Effect.Effect<Redaction.Mask | undefined, Failure> {
    const names = new Set(places.flatMap((place) => SecretMarker.names(params, place)))
    if (names.size === 0) return Effect.undefined
    const values = Effect.forEach(names, (name) =>
      name.startsWith("inputs.") ? host.secret(name.slice("inputs.".length)) : this.#secrets.get(name)
    )
    return Effect.map(values, (values) => Redaction.mask(values))
  }

  /** Of who was called; of everybody where the call was made of others, for it may know all of them. */
  #keepContracts(contract: Contract, by: string | undefined, isComposed: boolean): Effect.Effect<void, Failure> {
    return Effect.flatMap(this.#inner.contracts, (all) => {
      const owners = new Map<string, Array<Contract>>()
      for (const one of all) {
        if (one.provider === undefined || builtIn.includes(one.protocol)) continue
        const own = owners.get(one.provider)
        if (own === undefined) owners.set(one.provider, [one])
        else own.push(one)
      }
      const called = by ?? contract.provider
      const kept = [...owners].flatMap(([provider, contracts], order) =>
        (isComposed || provider === called) && !this.#known.has(provider) ? [{ provider, order, contracts }] : []
      )
      return Effect.forEach(kept, (one) => this.#folder.keep(one), { discard: true })
    })
  }

  /** The call is made and paid for: what came of it is not thrown away. */
  #warn({ message }: Pick<Failure, "message">): Effect.Effect<void> {
    if (this.#warned) return Effect.void
    this.#warned = true
    return Effect.logWarning(`a call is not recorded: ${message}`)
  }

  #miss(call: Call, request: Request): Effect.Effect<never, ReplayMiss | RecordingUnusable> {
    return Effect.gen({ self: this }, function* () {
      const { method, task } = call
      const entries = yield* this.#folder.entries(method)
      const key = ReplayRequest.keyOf(request)
      const recorded = entries.filter((one) => one.key === key).length
      const facts = { method, task, folder: this.#folder.shown, recorded }
      if (recorded > 0) return yield* new ReplayMiss({ ...facts, differences: [] })
      let nearest:
        | { readonly entry: Entry; readonly task: string; readonly differences: ReadonlyArray<Difference> }
        | undefined
      for (const entry of entries.slice(0, most)) {
        // one that cannot be read is told when it is wanted
        const found = yield* Effect.option(this.#folder.read(entry))
        if (found._tag === "None") continue
        const differences = ReplayDifference.between(found.value, request)
        const isNearer =
          nearest === undefined ||
          differences.length < nearest.differences.length ||
          (differences.length === nearest.differences.length && found.value.task === task && nearest.task !== task)
        if (isNearer) nearest = { entry, task: found.value.task, differences }
      }
      return yield* new ReplayMiss({
        ...facts,
        differences: nearest?.differences.slice(0, 10) ?? [],
        ...(nearest === undefined ? {} : { nearest: this.#folder.name(nearest.entry) })
      })
    })
  }
}

interface Found {
  readonly entry: Entry
  readonly recording: Recording
  /** Of the same task and attempt. */
  readonly isOwn: boolean
}

type Difference = ReplayDifference.Difference
type Outcome = Pick<Recording, "by" | "result" | "masked" | "failure" | "composed">

/** An answer of the simulator is no answer of a model. */
const isSimulated = (result: Schema.Json): boolean => isObject(result) && result["simulated"] === true

/** By task, numbers in its path as numbers, then by attempt. */
const inOrder = ({ recording: a }: Found, { recording: b }: Found): number => {
  const [one, other] = [a.task.split(/(\d+)/), b.task.split(/(\d+)/)]
  for (let i = 0; i < Math.min(one.length, other.length); i++) {
    const [left = "", right = ""] = [one[i], other[i]]
    if (left !== right) return i % 2 === 1 ? Number(left) - Number(right) : left < right ? -1 : 1
  }
  return one.length - other.length || a.attempt - b.attempt
}
