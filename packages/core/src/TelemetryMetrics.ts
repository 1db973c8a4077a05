/**
 * What is counted, as effect's metrics. The first two are those of OpenTelemetry's conventions for generative AI
 * (version 1.41.0), with the bounds that these advise:
 * https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md
 */
import { Metric } from "effect"

/** Of one call of a model. Seconds. */
export const operationDuration = Metric.histogram("gen_ai.client.operation.duration", {
  description: "GenAI operation duration.",
  boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  attributes: { unit: "s" }
})

/** Of one call of a model, input and output apart by `gen_ai.token.type`. */
export const tokenUsage = Metric.histogram("gen_ai.client.token.usage", {
  description: "Number of input and output tokens used.",
  boundaries: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
  attributes: { unit: "{token}" }
})

/** From a millisecond to an hour. */
const long = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600]

/** Of one attempt of a task, until its outcome is known. Seconds. */
export const taskDuration = Metric.histogram("gleitzeit.task.duration", {
  description: "Duration of one attempt of a task.",
  boundaries: long,
  attributes: { unit: "s" }
})

/** Of a run while this process drives it, until it rests. Seconds. */
export const runDuration = Metric.histogram("gleitzeit.run.duration", {
  description: "Duration of a run in one process.",
  boundaries: long,
  attributes: { unit: "s" }
})
