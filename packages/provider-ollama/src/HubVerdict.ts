/** What a failure says about the server that it comes from, and so what becomes of the request. Pure. */
import { Errors, type Failure } from "@gleitzeit/core"
import { Refused, retryAfter } from "./OllamaFailure.ts"

export type Verdict =
  /** It is away, or was never there: the request goes on as if it had not been there. */
  | { readonly _tag: "Lost"; readonly reason: string }
  /** It has too much to do, for `wait` milliseconds at least: the request waits for it or for another one. */
  | { readonly _tag: "Busy"; readonly reason: string; readonly wait: number }
  /** It does not have the model. */
  | { readonly _tag: "Lacking"; readonly reason: string }
  /** It did what it should not: another one is tried, once. */
  | { readonly _tag: "Fault"; readonly reason: string }
  /** It is well; the request is at fault, or what became of the answer here. */
  | { readonly _tag: "Well" }

/** `now`: milliseconds since 1970. */
export const of = (error: Refused | Failure.Failure, url: string, now: number): Verdict => {
  const reason = reasonOf(error, url)
  if (error instanceof Refused) {
    const { status } = error
    if (status === 503 || status === 429) return { _tag: "Busy", reason, wait: retryAfter(error.retryAfter, now) ?? 0 }
    if (status === 404) return { _tag: "Lacking", reason }
    return status >= 500 || status === 408 ? { _tag: "Fault", reason } : { _tag: "Well" }
  }
  if (error instanceof Errors.ProviderTimeout) {
    return { _tag: error.phase.startsWith("connecting") ? "Lost" : "Fault", reason }
  }
  return error instanceof Errors.ProviderUnavailable && error.retryable ? { _tag: "Lost", reason } : { _tag: "Well" }
}

/** In words, with the server's URL. */
export const reasonOf = (error: Refused | Failure.Failure, url: string): string => {
  if (error instanceof Refused) return `${url} answers ${error.status}${error.words === "" ? "" : `: ${error.words}`}`
  if (error instanceof Errors.ProviderTimeout) return `${url}: ${error.phase} took more than ${error.seconds} s`
  return error instanceof Errors.ProviderUnavailable ? error.reason : error.message
}
