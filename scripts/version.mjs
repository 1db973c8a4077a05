// Writes the version of the packages, which is one for all, into the constant that core carries.
import { readFileSync, writeFileSync } from "node:fs"

const { version } = JSON.parse(readFileSync("packages/core/package.json", "utf8"))
const file = "packages/core/src/Version.ts"
writeFileSync(file, readFileSync(file, "utf8").replace(/version = ".*"/, `version = "${version}"`))
