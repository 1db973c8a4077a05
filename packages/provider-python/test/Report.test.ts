import { assert, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Report, reports as reader } from "../src/Report.ts"

const frame = (text: string) => {
  const json = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json])
}

it.prop(
  "reports come out as they went in, however their bytes are cut",
  { reports: Schema.Array(Report), cuts: Schema.Array(Schema.Int) },
  ({ cuts, reports }) => {
    const all = Buffer.concat(reports.map((report) => frame(JSON.stringify(report))))
    const frames = reader(1_000_000)
    const found: Array<Report> = []
    let from = 0
    for (const cut of [...cuts.map((cut) => Math.abs(cut) % 20), all.length]) {
      found.push(...Result.getOrThrow(frames.push(all.subarray(from, from + cut))))
      from += cut
    }
    assert.deepStrictEqual(found, JSON.parse(JSON.stringify(reports)))
  }
)

it("a frame that is too long, or no report, is refused before it is believed", () => {
  assert.isTrue(Result.isFailure(reader(10).push(frame(`{"_tag":"Done"}`))))
  for (const text of ["", "{}", "nonsense", `{"_tag":"Done","result":`, `{"_tag":"TooLarge","size":"x"}`]) {
    assert.isTrue(Result.isFailure(reader(100).push(frame(text))), text)
  }
})
