/** The same jobs again and again, in turn, so that what the machine does meanwhile meets all of them. */
import { median, type Program, run } from "./Child.ts"
import type { Job, Sample } from "./one.ts"

export interface Plan {
  readonly job: Omit<Job, "folder">
  readonly program?: Program
}

/** Samples of each plan, by the names of the plans. */
export const repeat = (
  root: string,
  plans: { readonly [name: string]: Plan | undefined },
  times: number
): { readonly [name: string]: ReadonlyArray<Sample> } => {
  const samples: { [name: string]: Array<Sample> } = {}
  for (let i = 0; i < times; i++) {
    for (const [name, plan] of Object.entries(plans)) {
      if (plan !== undefined) (samples[name] ??= []).push(run(root, plan.job, plan.program))
    }
  }
  return samples
}

/** The median of what the samples have; undefined when they have none. */
export const middle = (
  samples: ReadonlyArray<Sample> = [],
  value: (sample: Sample, index: number) => number | undefined
): number | undefined => {
  const values = samples.flatMap((sample, index) => value(sample, index) ?? [])
  return values.length === 0 ? undefined : median(values)
}

/** The longest by the shortest. */
export const spread = (samples: ReadonlyArray<Sample> = []): number | undefined => {
  const times = samples.flatMap(({ ms }) => ms ?? [])
  return times.length === 0 ? undefined : Math.max(...times) / Math.min(...times)
}
