import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Bytes } from "../src/Bytes.ts"

describe("bytes", () => {
  it.prop("are those that came, however they came", { pieces: Schema.Array(Schema.Uint8Array) }, ({ pieces }) => {
    const bytes = new Bytes()
    for (const piece of pieces) {
      const lent = Uint8Array.from(piece)
      bytes.add(lent)
      lent.fill(0)
    }
    const all = Buffer.concat(pieces)
    assert.strictEqual(bytes.size, all.byteLength)
    assert.isTrue(bytes.take().equals(all))
    assert.strictEqual(bytes.size, 0)
    bytes.add(all)
    assert.isTrue(bytes.take().equals(all))
  })
})
