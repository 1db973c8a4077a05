/** The way back: from a workflow in its inner form to a document. */
import type { Workflow } from "../src/Workflow.ts"

/** A document in its plain spelling of a canonical workflow. */
export const written = ({ budget, inputs, tasks, timeout, ...rest }: Workflow): Record<string, unknown> => ({
  ...rest,
  ...(timeout === undefined ? {} : { timeout: `${timeout}ms` }),
  ...(budget === undefined ? {} : { budget: writtenBudget(budget) }),
  ...(inputs === undefined
    ? {}
    : {
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([name, { schema, ...input }]) => [name, { ...schema, ...input }])
        )
      }),
  tasks: tasks.map(({ budget, cache, label, method, params, protocol, retry, timeout, workflow, ...task }) => ({
    ...task,
    ...(workflow === undefined
      ? { method, protocol, params }
      : { workflow: written(workflow), ...(Object.keys(params).length === 0 ? {} : { inputs: params }) }),
    ...(label === undefined ? {} : { name: label }),
    ...(timeout === undefined ? {} : { timeout: `${timeout}ms` }),
    ...(budget === undefined ? {} : { budget: writtenBudget(budget) }),
    ...(cache === undefined ? {} : { cache: cache.ttl === undefined ? cache : { ...cache, ttl: `${cache.ttl}ms` } }),
    ...(retry === undefined
      ? {}
      : { retry: { ...retry, delay: `${retry.delay}ms`, max_delay: `${retry.max_delay}ms` } })
  }))
})

// internal

const writtenBudget = ({ duration, ...rest }: NonNullable<Workflow["budget"]>) => ({
  ...rest,
  ...(duration === undefined ? {} : { duration: `${duration}ms` })
})
