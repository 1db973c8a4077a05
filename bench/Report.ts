/** Numbers as a person reads them: Markdown tables, and each goal with whether it is met. */
import type { Goal } from "./Cases.ts"

export interface Fact {
  /** `chain 1000, process: share of raw` */
  readonly name: string
  readonly value: number
  readonly goal: Goal
}

export const isMet = ({ goal: [sign, bound], value }: Fact): boolean => (sign === "≥" ? value >= bound : value <= bound)

/** Three digits, thousands grouped; a dash for what was not measured. */
export const number = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value)
    ? "–"
    : Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString("en")
      : String(Number(value.toPrecision(3)))

/** The first column to the left, the others to the right, all as wide as they must be. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((name, i) => Math.max(name.length, 3, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${widths.map((width, i) => (i === 0 ? (cells[i] ?? "").padEnd(width) : (cells[i] ?? "").padStart(width))).join(" | ")} |`
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join("\n")
}

export const goals = (facts: ReadonlyArray<Fact>): string =>
  table(
    ["goal", "measured", "wanted", ""],
    facts.map((fact) => [
      fact.name,
      number(fact.value),
      `${fact.goal[0]} ${number(fact.goal[1])}`,
      isMet(fact) ? "met" : "missed"
    ])
  )
