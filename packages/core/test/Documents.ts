/** Workflows for tests, from what a test cares about. */
import type { Contract } from "../src/Contract.ts"
import * as Plan from "../src/Plan.ts"
import type { Task } from "../src/Workflow.ts"
import type { Workflow } from "../src/Workflow.ts"

export const task = (id: string, more: Partial<Task> = {}): Task => ({
  id,
  protocol: "data/v1",
  method: "data/value",
  params: {},
  ...more
})

export const workflow = (
  tasks: readonly [Task, ...ReadonlyArray<Task>],
  more: Partial<Omit<Workflow, "tasks">> = {}
): Workflow => ({ name: "test", tasks, ...more })

export const plan = (
  tasks: readonly [Task, ...ReadonlyArray<Task>],
  more: Partial<Omit<Workflow, "tasks">> = {},
  contracts: ReadonlyArray<Contract> = []
): Plan.Plan => Plan.make(workflow(tasks, more), new Map(contracts.map((contract) => [contract.method, contract])))
