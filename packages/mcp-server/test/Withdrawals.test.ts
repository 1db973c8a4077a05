import { assert, it } from "@effect/vitest"
import { Withdrawals } from "../src/Withdrawals.ts"

it("a client takes back its own calls, and those only that are open", () => {
  const withdrawals = new Withdrawals()
  const mine = withdrawals.open("a", 1)
  const theirs = withdrawals.open("b", 1)
  const text = withdrawals.open("a", "1")
  withdrawals.withdraw("a", 1)
  assert.isTrue(mine.signal.aborted)
  assert.isFalse(theirs.signal.aborted)
  assert.isFalse(text.signal.aborted)
  theirs.done()
  withdrawals.withdraw("b", 1)
  assert.isFalse(theirs.signal.aborted)
})

it("the end of a call leaves a later one of the same id open", () => {
  const withdrawals = new Withdrawals()
  const first = withdrawals.open("a", 1)
  const second = withdrawals.open("a", 1)
  first.done()
  withdrawals.withdraw("a", 1)
  assert.isTrue(second.signal.aborted)
})
