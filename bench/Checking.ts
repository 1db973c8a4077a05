/** `gleitzeit check` without its process: a document of many tasks, read and proved, beside its YAML alone. */
import { Check, type Contract, DataV1, LlmV1, Protocol, PythonV1, WorkflowFile } from "@gleitzeit/core"
import { parseDocument } from "yaml"
import { median } from "./Child.ts"

export interface Checking {
  /** Milliseconds of the first time in a process, of reading and of proving. */
  readonly cold: number
  /** The same once the program is warm, after 40 rounds: the median. */
  readonly warm: number
  /** Of it, what the proof takes. */
  readonly proof: number
  /** Milliseconds that the `yaml` library takes for the same text, by itself, in the same process, warm. */
  readonly yaml: number
}

/** Fails unless nothing is wrong with the document. */
export const measure = (tasks: number, times = 40): Checking => {
  const text = document(tasks)
  const contracts = [LlmV1.LlmV1, PythonV1.PythonV1, DataV1.DataV1].flatMap((protocol) => Protocol.contracts(protocol))
  const cold = once(text, contracts)
  for (let i = 0; i < times; i++) once(text, contracts)
  const warm = Array.from({ length: times }, () => ({
    ...once(text, contracts),
    yaml: timed(() => void parseDocument(text))
  }))
  return {
    cold: cold.reading + cold.proof,
    warm: median(warm.map(({ proof, reading }) => reading + proof)),
    proof: median(warm.map(({ proof }) => proof)),
    yaml: median(warm.map(({ yaml }) => yaml))
  }
}

// internal

const once = (text: string, contracts: ReadonlyArray<Contract.Contract>) => {
  const parsed: Array<WorkflowFile.Parsed> = []
  const reading = timed(() => void parsed.push(WorkflowFile.parse({ text })))
  const proof = timed(() => {
    const wrong = parsed.flatMap((one) => Check.check(one, contracts))
    if (wrong.length > 0) throw new Error(wrong[0]?.message)
  })
  return { reading, proof }
}

const timed = (work: () => void): number => {
  const begun = performance.now()
  work()
  return performance.now() - begun
}

/** Four tasks after the other: params with references, two of them with a condition. */
const document = (tasks: number): string => {
  const lines = ["name: check", "inputs:", "  topic: { type: string }", "tasks:"]
  for (let i = 0; i < tasks / 4; i++) {
    lines.push(
      `  - id: ask-${i}`,
      "    method: llm/chat",
      "    params:",
      `      prompt: Say more of \${${i === 0 ? "inputs.topic" : `ask-${i - 1}.content`}}`,
      "      temperature: 0.5",
      `  - id: count${i}`,
      "    method: python/execute",
      "    params:",
      "      code: result = len(args)",
      `      args: \${ask-${i}.content}`,
      `  - id: shorten${i}`,
      `    if: count${i}.exit_code == 0 && count${i}.result > 200`,
      "    method: llm/chat",
      "    params:",
      `      prompt: "Shorten: \${ask-${i}.content}"`,
      `  - id: keep${i}`,
      `    if: size(tasks["ask-${i}"].content) > ${i}`,
      "    method: data/value",
      "    params:",
      `      text: \${shorten${i}.content ?? ask-${i}.content}`,
      `      words: \${count${i}.result}`
    )
  }
  return lines.join("\n")
}
