/** One life of a server while it is of use: what is under way with it, and one question more. */
import type { Progress } from "@modelcontextprotocol/client"
import { Deferred, Effect, type Schema, type Scope } from "effect"
import type { Tool } from "./Connection.ts"
import type { Doing } from "./McpFailure.ts"
import * as Session from "./Session.ts"
import * as ToolHeaders from "./ToolHeaders.ts"

export interface Life {
  readonly session: Session.Session
  readonly scope: Scope.Closeable
  answers: number
  /** Requests under way. */
  active: number
  usedAt: number
  /** It was stopped because nobody had called it. */
  isLeft: boolean
  /** Done when nothing is under way any more, once it has been replaced. */
  drained?: Deferred.Deferred<void>
}

export interface Asking {
  readonly method: string
  readonly params: Schema.JsonObject
  readonly doing: Doing
  readonly tool?: Tool | undefined
  readonly onprogress?: (progress: Progress) => void
}

/** The life that was to be asked was stopped a moment before. */
export const left = Symbol()

export interface Watch {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The first answer of a life has come. */
  readonly answered: () => void
}

/** Fails with `left`, or with what the client of the protocol threw. */
export const exchange = (
  life: Life,
  asking: Asking,
  { answered, now }: Watch
): Effect.Effect<Schema.JsonObject, unknown> =>
  Effect.callback((resume, signal) => {
    if (life.isLeft) return resume(Effect.fail(left))
    const { method, onprogress, params, tool } = asking
    const { timeout, total } = asking.doing
    const options = {
      signal,
      timeout,
      ...(onprogress === undefined ? {} : { onprogress, resetTimeoutOnProgress: true }),
      ...(total === undefined ? {} : { maxTotalTimeout: total })
    }
    const { session } = life
    life.active++
    const over = () => {
      life.active--
      life.usedAt = now()
      if (life.active === 0 && life.drained !== undefined) Deferred.doneUnsafe(life.drained, Effect.void)
    }
    const isMirrored = tool !== undefined && session.isModern && session.link.kind === "http"
    const fail = (error: unknown) => {
      over()
      resume(Effect.fail(error))
    }
    try {
      const answer =
        isMirrored && ToolHeaders.asks(tool.input)
          ? Session.mirrored(session, tool, params, options)
          : Session.ask(session, method, params, options)
      answer.then((result) => {
        over()
        if (life.answers++ === 0) answered()
        resume(Effect.succeed(result))
      }, fail)
    } catch (error) {
      // what this revision does not have is not even sent
      fail(error)
    }
  })
