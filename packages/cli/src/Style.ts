/** How text for people looks: colors where they are wanted, signs that the terminal can show. */

type Paint = (text: string) => string

export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
  readonly signs: Signs
}

/** Each one column wide. */
export interface Signs {
  readonly completed: string
  readonly failed: string
  readonly skipped: string
  readonly cancelled: string
  readonly pending: string
  readonly retrying: string
  /** Somebody is asked. */
  readonly suspended: string
  readonly warning: string
  /** Between facts. */
  readonly dot: string
  readonly ellipsis: string
  /** Of a tree: where a branch begins, where the last one does, to its leaf, beside what hangs on others. */
  readonly branch: string
  readonly last: string
  readonly leaf: string
  readonly trunk: string
  /** Between the ends of a range. */
  readonly to: string
  /** One after the other. */
  readonly spinner: ReadonlyArray<string>
}

export const make = (options: { readonly color: boolean; readonly unicode: boolean }): Style => ({
  ...(options.color ? colors : plain),
  signs: options.unicode ? unicode : ascii
})

// internal

const paint =
  (on: number, off: number): Paint =>
  (text) =>
    text === "" ? "" : `\u001B[${on}m${text}\u001B[${off}m`

const colors = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39)
}

const same: Paint = (text) => text
const plain = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }

const unicode: Signs = {
  completed: "✓",
  failed: "✗",
  skipped: "↷",
  cancelled: "⊘",
  pending: "○",
  retrying: "↻",
  suspended: "?",
  warning: "!",
  dot: "·",
  ellipsis: "…",
  branch: "├",
  last: "└",
  leaf: "─",
  trunk: "│",
  to: "–",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
}

const ascii: Signs = {
  completed: "+",
  failed: "x",
  skipped: ">",
  cancelled: "/",
  pending: ".",
  retrying: "*",
  suspended: "?",
  warning: "!",
  dot: "-",
  ellipsis: "~",
  branch: "|",
  last: "`",
  leaf: "-",
  trunk: "|",
  to: "-",
  spinner: ["|", "/", "-", "\\"]
}
