/** A run as a watcher sees it that has tasks within tasks, waits in every way, and goes on. */
import type { Event, Gleitzeit, Task, Workflow } from "@gleitzeit/core"
import { begin } from "./scene.ts"

export const run = "01KAJ8ZQ00ABCDEFGHJKMNPQRS"

const task = (id: string, more: Partial<Workflow.Task> = {}): Workflow.Task => ({
  id,
  protocol: "data/v1",
  method: "data/value",
  params: {},
  ...more
})

export const workflow: Workflow.Workflow = {
  name: "Newsletter",
  tasks: [
    task("sources", { cache: {} }),
    task("prepare", { workflow: { name: "prepare", tasks: [task("read"), task("a/b"), task("review")] } }),
    task("improve", { repeat: { until: "result.good", max: 5 }, workflow: { name: "improve", tasks: [task("ask")] } }),
    task("approve each", { foreach: "sources.items", workflow: { name: "approve", tasks: [task("ask")] } }),
    task("rest"),
    task("delivered"),
    task("translate"),
    task("send")
  ]
}

const at = (seconds: number) => begin + seconds * 1000
let sequence = 0
const event = (event: Event.Event): Gleitzeit.Live => ({ _tag: "Event", sequence: ++sequence, event })
const started = (task: string, seconds: number, attempt = 1): Gleitzeit.Live => ({
  _tag: "Started",
  task,
  attempt,
  at: at(seconds)
})
const completed = (task: string, seconds: number, more: { cached?: string; reused?: string } = {}) =>
  event({
    _tag: "TaskCompleted",
    v: 1,
    at: at(seconds),
    task,
    started: at(seconds) - 500,
    duration: 500,
    attempt: 1,
    result: { x: 1 },
    ...more
  })
const gathered = (task: string, seconds: number, iterations?: number) =>
  event({
    _tag: "TaskGathered",
    v: 1,
    at: at(seconds),
    task,
    started: at(1),
    duration: seconds * 1000 - 1000,
    attempt: 1,
    ...(iterations === undefined ? {} : { iterations })
  })
const suspended = (task: string, seconds: number, question: Task.Question) =>
  event({ _tag: "TaskSuspended", v: 1, at: at(seconds), task, started: at(1), attempt: 1, request: task, question })
const answered = (request: string, seconds: number, by?: string) =>
  event({ _tag: "Answered", v: 1, at: at(seconds), request, value: true, ...(by === undefined ? {} : { by }) })

/** Up to where nothing is left but to wait. */
export const waiting: ReadonlyArray<Gleitzeit.Live> = [
  event({ _tag: "RunCreated", v: 1, at: begin, workflow, inputs: {}, env: {}, folder: "/work", engine: "0.1.0" }),
  completed("sources", 0.1, { cached: "01KAJ0000000000000000000CA" }),
  completed("translate", 0.1, { reused: "translate" }),
  started("prepare/read", 1),
  started("improve~1", 1),
  completed("prepare/read", 1.5),
  completed("improve~1", 1.5),
  started("improve~2", 1.5),
  completed("prepare/a%2Fb", 1.6),
  event({ _tag: "TaskExpanded", v: 1, at: at(1.6), task: "approve each", items: ["a", "b", "c"] }),
  started("approve each[0]", 1.6),
  started("approve each[1]", 1.6),
  suspended("approve each[0]", 1.7, { kind: "approval", prompt: "Is a good?" }),
  completed("approve each[1]", 1.7),
  started("approve each[2]", 1.7),
  suspended("approve each[2]", 1.8, { kind: "approval", prompt: "Is c good?" }),
  suspended("prepare/review", 2, { kind: "input", prompt: "Which title?", expires: at(3600) }),
  suspended("rest", 2, { kind: "timer", expires: at(60) }),
  suspended("delivered", 2, { kind: "signal", data: { name: "parcel" } }),
  completed("improve~2", 2),
  gathered("improve", 2, 2),
  event({ _tag: "BudgetWarned", v: 1, at: at(2), limit: "tokens", used: 4200, of: 5000 }),
  event({ _tag: "BudgetExceeded", v: 1, at: at(2), task: "send", limit: "cost_usd", used: 0.45, of: 0.5 }),
  event({ _tag: "PauseRequested", v: 1, at: at(2.1), by: "ada" }),
  event({ _tag: "RunWaiting", v: 1, at: at(2.2) })
]

/** The rest, to a completed end. */
export const goingOn: ReadonlyArray<Gleitzeit.Live> = [
  event({ _tag: "RunResumed", v: 1, at: at(10), owner: "me" }),
  event({ _tag: "Continued", v: 1, at: at(10), by: "ada" }),
  event({ _tag: "BudgetRaised", v: 1, at: at(10), budget: { cost_usd: 1 }, by: "ada" }),
  answered("prepare/review", 10, "ada"),
  answered("approve each[0]", 10),
  answered("approve each[2]", 10),
  event({ _tag: "Signalled", v: 1, at: at(10), name: "parcel", value: null }),
  event({ _tag: "Expired", v: 1, at: at(60), request: "rest" }),
  started("prepare/review", 60),
  started("approve each[0]", 60),
  completed("prepare/review", 60.5),
  gathered("prepare", 60.5),
  completed("approve each[0]", 60.5),
  completed("approve each[2]", 60.5),
  gathered("approve each", 60.5),
  completed("rest", 60.5),
  completed("delivered", 60.5),
  completed("send", 60.5),
  event({ _tag: "RunCompleted", v: 1, at: at(60.6), outputs: {}, warnings: [] })
]
