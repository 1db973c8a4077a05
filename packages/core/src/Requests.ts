/**
 * What a run waits for, and what it was told: questions that are open, answers, signals that nobody has taken yet. Part of
 * the fold: races are decided by the order of the journal, the first answer wins.
 */
import type { Schema } from "effect"
import type { Millis, Question, TaskPath } from "./Task.ts"

export interface Open {
  readonly task: TaskPath
  readonly question: Question
}

export type Answer = { readonly _tag: "Answered"; readonly value: Schema.Json } | { readonly _tag: "Expired" }

export class Requests {
  /** By request, oldest first. */
  readonly open = new Map<string, Open>()
  readonly #answers = new Map<string, Answer>()
  /** By name, oldest first. */
  readonly #signals = new Map<string, Array<Schema.Json>>()

  answered(request: string): Answer | undefined {
    return this.#answers.get(request)
  }

  /** A task waits. A signal that was sent before answers at once. */
  ask(request: string, task: TaskPath, question: Question): void {
    const kept = question.kind === "signal" ? this.#signals.get(signalOf(question)) : undefined
    const value = kept?.shift()
    if (value !== undefined) this.#answers.set(request, { _tag: "Answered", value })
    else this.open.set(request, { task, question })
  }

  /** The task that may go on; undefined when nobody waits for this answer. */
  answer(request: string, value: Schema.Json): TaskPath | undefined {
    return this.#settle(request, { _tag: "Answered", value })
  }

  expire(request: string): TaskPath | undefined {
    return this.#settle(request, { _tag: "Expired" })
  }

  /** Goes to whoever has waited longest for it, else it is kept for whoever comes to wait. */
  signal(name: string, value: Schema.Json): TaskPath | undefined {
    for (const [request, { question }] of this.open) {
      if (question.kind === "signal" && signalOf(question) === name) return this.answer(request, value)
    }
    const kept = this.#signals.get(name)
    if (kept === undefined) this.#signals.set(name, [value])
    else kept.push(value)
    return undefined
  }

  /** What a task and all below it waits for is waited for no more. */
  withdraw(task: TaskPath): void {
    for (const [request, open] of this.open) if (isAt(open.task, task)) this.open.delete(request)
  }

  /** The same, and it is asked again: also what has been answered. */
  forget(task: TaskPath): void {
    this.withdraw(task)
    for (const request of this.#answers.keys()) if (isAt(request, task)) this.#answers.delete(request)
  }

  /** Whether something waits for its time alone. */
  get hasTimer(): boolean {
    for (const { question } of this.open.values()) if (question.kind === "timer") return true
    return false
  }

  /** Whether a task waits for an answer. */
  isAsking(task: TaskPath): boolean {
    for (const open of this.open.values()) if (open.task === task) return true
    return false
  }

  /** The first of the times after which nobody can answer any more. */
  get due(): Millis | undefined {
    let due: Millis | undefined
    for (const { question } of this.open.values()) {
      if (question.expires !== undefined && (due === undefined || question.expires < due)) due = question.expires
    }
    return due
  }

  // internal

  #settle(request: string, answer: Answer): TaskPath | undefined {
    const open = this.open.get(request)
    if (open === undefined) return undefined
    this.open.delete(request)
    this.#answers.set(request, answer)
    return open.task
  }
}

/** Whether a path is another's, or below it. */
export const isAt = (path: TaskPath, task: TaskPath): boolean =>
  path.startsWith(task) && (path.length === task.length || "/[~".includes(path[task.length] ?? ""))

// internal

const signalOf = ({ data }: Question): string =>
  typeof data === "object" && data !== null && "name" in data ? String(data["name"]) : ""
