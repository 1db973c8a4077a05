/** A method by the name that somebody writes, which may be another spelling of its own. */
import type { Contract } from "./Contract.ts"
import { methods } from "./Spelling.ts"

/** The first contract of the method: `llm/agent` finds that of `agent/run`. */
export const find = (contracts: ReadonlyArray<Contract>, written: string): Contract | undefined => {
  const { method } = methods.get(written) ?? { method: written }
  return contracts.find((contract) => contract.method === method)
}
