#!/usr/bin/env node
/**
 * Where the process begins: what can be answered at once is answered, everything else is loaded from Node's compile
 * cache. The one top-level `await` of this package.
 */
import module from "node:module"
import { setFlagsFromString } from "node:v8"
import { version } from "./Version.ts"

// before anything that an older Node does not have
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`error: gleitzeit needs Node 22.19 or later, this is ${process.version}\n`)
  process.exit(1)
}

const { ENABLED, ALREADY_ENABLED } = module.constants.compileCacheStatus
const { status } = module.enableCompileCache()

// Node 22 calls its SQLite experimental whenever it is loaded; every other warning still shows.
const emit = process.emit
process.emit = function (this: NodeJS.Process, ...args: Array<unknown>) {
  const [event, warning] = args
  if (
    event === "warning" &&
    warning instanceof Error &&
    warning.name === "ExperimentalWarning" &&
    warning.message.startsWith("SQLite ")
  ) {
    return false
  }
  return Reflect.apply(emit, this, args)
  // Safe: it takes what the original takes, and gives what the original gives, or false for nobody listening.
} as typeof emit

if (process.argv.length === 3 && process.argv[2] === "--version") {
  process.stdout.write(`gleitzeit ${version}\n`)
} else {
  // The cache gets what is compiled when a file is loaded: while V8 compiles lazily that leaves out nearly every function.
  const cached = status === ENABLED || status === ALREADY_ENABLED
  if (cached) setFlagsFromString("--no-lazy")
  const { start } = await import("./start.ts")
  if (cached) setFlagsFromString("--lazy")
  start(process.argv.slice(2))
}
