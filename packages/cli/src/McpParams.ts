/** Params of `gleitzeit mcp call` that are written as flags. They are the tool's, so no command can declare them. */
import * as Flags from "./Flags.ts"

/** `mcp call TOOL --path ./x` as `mcp call TOOL path=./x`; flags of the command, and everything else, as they are. */
export const spread = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const start = args.findIndex((arg, i) => arg === "mcp" && args[i + 1] === "call")
  if (start < 0) return args
  const all = args.slice(0, start + 2)
  for (let i = start + 2; i < args.length; i++) {
    const arg = args[i] ?? ""
    // they say themselves what is what
    if (arg === "--") return [...all, ...args.slice(i)]
    const [, flag = "", value] = /^(--[^=]+)(?:=(.*))?$/s.exec(arg) ?? []
    const next = value ?? args[i + 1]
    if (flag === "" || isOwn(flag) || next === undefined || (value === undefined && next.startsWith("--"))) {
      all.push(arg)
    } else {
      all.push(`${flag.slice(2)}=${next}`)
      if (value === undefined) i++
    }
  }
  return all
}

// internal

const own: ReadonlySet<string> = new Set([...Flags.names, "--args", "--timeout", "--help", "--version"])

const isOwn = (flag: string): boolean => own.has(flag) || own.has(flag.replace(/^--no-/, "--"))
