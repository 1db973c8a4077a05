#!/usr/bin/env node
/** Where the process begins: a Node that is too old is told so before anything that it does not have is loaded. */

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`error: create-gleitzeit-provider needs Node 22.19 or later, this is ${process.version}\n`)
  process.exitCode = 1
} else {
  void import("./start.ts").then(({ start }) => start(process.argv.slice(2)))
}

export {}
