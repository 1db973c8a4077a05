/** What to know of an answer before it is trusted. Pure: numbers in, sentences out. */
import type { Answer } from "./OllamaAnswer.ts"
import * as OllamaRequest from "./OllamaRequest.ts"
import type { Request } from "./OllamaSchema.ts"

export interface About {
  readonly request: Request
  readonly answer: Answer
  /** Whether the task says how long its answer may be. */
  readonly isLimited: boolean
  /** Tokens that fit into the context of the model as it is loaded, where that is known. */
  readonly loaded?: number | undefined
}

export const of = (about: About): ReadonlyArray<string> => {
  const { answer, request } = about
  const cut = answer.finish_reason === "length" ? [`the answer was cut off: it reached ${limit(about)}`] : []
  const silent = answer.content === "" && answer.reasoning !== "" ? ["the model reasoned, and then said nothing"] : []
  const context = contextOf(about)
  const lost =
    context !== undefined && isTruncated(answer.tokens.input_tokens, OllamaRequest.length(request), context)
      ? [
          `the prompt was probably cut: ${answer.tokens.input_tokens ?? "?"} tokens of it were read, and ${context} fit into the context; shorten it, or raise num_ctx`
        ]
      : []
  return [...cut, ...silent, ...lost]
}

/** What ended an answer before its end. */
export const limit = ({ answer, isLimited, loaded, request }: About): string => {
  const most = OllamaRequest.option(request, "num_predict")
  const { output_tokens } = answer.tokens
  if (most !== undefined && most >= 0 && (output_tokens === undefined || output_tokens >= most)) {
    return isLimited
      ? `max_tokens (${most})`
      : `${most} tokens, the provider's own limit; \`max_tokens\` of the task changes it`
  }
  const context = contextOf({ request, loaded })
  return context === undefined ? "max_tokens, or the end of the context" : `the end of the context (${context} tokens)`
}

/**
 * A server cuts a prompt that does not fit, and says nothing. It keeps as much as fits, or half of that; other texts that
 * come to the same count are rare. A text with more than 8 characters for each token does not fit in any language.
 */
export const isTruncated = (read: number | undefined, characters: number, context: number): boolean =>
  characters > context * 8 ||
  (read !== undefined && (read >= context - margin || Math.abs(read - (context / 2 + 2)) <= 1))

// internal

/** Tokens. */
const margin = 4

/** The smaller one: a model that was made for less is loaded with less than it was asked to. */
const contextOf = ({ loaded, request }: Pick<About, "loaded" | "request">): number | undefined => {
  const asked = OllamaRequest.option(request, "num_ctx")
  return asked === undefined ? loaded : Math.min(asked, loaded ?? asked)
}
