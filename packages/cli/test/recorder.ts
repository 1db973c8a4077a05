/** A process that writes the same few recordings many times over. */
import { ReplayFolder } from "@gleitzeit/core/ReplayFolder"
import { Effect } from "effect"

const [, , folder = "", n = ""] = process.argv

const recording = (round: number) => ({
  recording: 1 as const,
  protocol: "test/v1",
  method: "test/do",
  params: null,
  task: `task-${round % 3}`,
  attempt: 1,
  result: `${n}${round}`.padEnd(100_000, ".")
})

const recordings = new ReplayFolder(folder)
Effect.runSync(Effect.forEach(Array.from({ length: 60 }), (_, round) => recordings.write(recording(round))))
