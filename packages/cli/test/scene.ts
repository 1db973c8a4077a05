/** A run as a watcher sees it: tasks that end in every way. */
import type { Event, Gleitzeit, Workflow } from "@gleitzeit/core"

/** When it begins. */
export const begin = Date.UTC(2026, 10, 21, 12, 0, 0)

export const run = "01KAJ8ZQ00ABCDEFGHJKMNPQRS"

const task = (id: string): Workflow.Task => ({ id, protocol: "llm/v1", method: "llm/chat", params: {} })

export const workflow: Workflow.Workflow = {
  name: "Research digest",
  tasks: [task("research"), task("each page"), task("count"), task("shorten"), task("publish"), task("say-thanks")],
  outputs: { digest: "${shorten.content}" }
}

const at = (seconds: number) => begin + seconds * 1000

const event = (sequence: number, event: Event.Event): Gleitzeit.Live => ({ _tag: "Event", sequence, event })
const started = (task: string, seconds: number, attempt = 1): Gleitzeit.Live => ({
  _tag: "Started",
  task,
  attempt,
  at: at(seconds)
})
const chunk = (task: string, text: string, index = 0): Gleitzeit.Live => ({
  _tag: "Chunk",
  task,
  attempt: 1,
  index,
  chunk: { _tag: "Text", text }
})

const outcome = (task: string, seconds: number, duration: number, attempt = 1) => ({
  v: 1 as const,
  at: at(seconds),
  task,
  started: at(seconds) - duration,
  duration,
  attempt
})

const traceback = `Traceback (most recent call last):
  File "research.yaml", line 21, in count
    1 / 0
ZeroDivisionError: division by zero`

/** Up to where four things are under way. */
export const middle: ReadonlyArray<Gleitzeit.Live> = [
  event(1, {
    _tag: "RunCreated",
    v: 1,
    at: begin,
    workflow,
    inputs: {},
    env: {},
    folder: "/work",
    engine: "0.1.0"
  }),
  started("research", 0),
  chunk("research", "Async programming has"),
  event(2, {
    _tag: "TaskCompleted",
    ...outcome("research", 1.25, 1250),
    result: { content: "Five things\nhave happened.", response: "…", model: "m" },
    usage: { input_tokens: 31, output_tokens: 281 },
    provider: "ollama"
  }),
  event(3, { _tag: "TaskExpanded", v: 1, at: at(1.25), task: "each page", items: ["a", "b", "c"] }),
  started("each page[0]", 1.3),
  started("each page[1]", 1.3),
  event(4, { _tag: "TaskCompleted", ...outcome("each page[0]", 2, 700), result: 1 }),
  event(5, {
    _tag: "TaskFailed",
    ...outcome("each page[1]", 2.1, 800),
    error: { code: -29002, name: "TASK_EXECUTION_FAILED", message: "no such page", retryable: false }
  }),
  started("count", 1.3),
  event(6, {
    _tag: "TaskRetrying",
    ...outcome("count", 2.2, 900),
    error: { code: -30006, name: "PROVIDER_TIMEOUT", message: "the first token took more than 30 s", retryable: true },
    due: at(9.2)
  }),
  started("shorten", 1.3),
  chunk("shorten", "Here it is, and it is rather long, so that the end of it is what people see:\nwords, "),
  chunk("shorten", "words and \u001B[31mmore\u001B[0m words", 1)
]

/** What three write after that. */
export const talking: ReadonlyArray<Gleitzeit.Live> = [
  chunk("shorten", "\n\nAnother paragraph, of words that are written one by one, in\tcolumns.", 2),
  started("each page[2]", 4),
  chunk(
    "each page[2]",
    "潮の満ち引きは月と太陽の引力によって起こります。潮の満ち引きは月と太陽の引力によって起こります。"
  ),
  started("count", 4, 2),
  {
    _tag: "Chunk",
    task: "count",
    attempt: 2,
    index: 0,
    chunk: { _tag: "Reasoning", text: "Let me think about" }
  }
]

/** The rest, to a failed end. */
export const rest: ReadonlyArray<Gleitzeit.Live> = [
  started("each page[2]", 6),
  event(7, { _tag: "TaskCompleted", ...outcome("each page[2]", 7, 1000), result: 1 }),
  event(8, { _tag: "TaskGathered", ...outcome("each page", 7, 5700) }),
  started("count", 9.2, 2),
  event(9, {
    _tag: "TaskFailed",
    ...outcome("count", 9.3, 100, 2),
    error: {
      code: -29002,
      name: "TASK_EXECUTION_FAILED",
      message: "ZeroDivisionError: division by zero",
      retryable: false,
      data: { traceback }
    }
  }),
  event(10, { _tag: "TaskSkipped", v: 1, at: at(9.3), task: "publish", because: "failed", of: "count" }),
  event(11, {
    _tag: "TaskCompleted",
    ...outcome("shorten", 75, 73_700),
    result: { content: "Short.", simulated: true },
    usage: { input_tokens: 300, output_tokens: 12_000 }
  }),
  event(12, { _tag: "TaskSkipped", v: 1, at: at(75), task: "say-thanks", because: "condition" }),
  event(13, {
    _tag: "RunFailed",
    v: 1,
    at: at(75.1),
    error: { code: -28003, name: "WORKFLOW_EXECUTION_FAILED", message: 'task "count" failed', retryable: false },
    outputs: { digest: "Short." },
    warnings: ['output "pages" has no value']
  })
]
