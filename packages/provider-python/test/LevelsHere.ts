/** Why this machine has not the levels that promise security; null where it has them. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { real } from "./Interpreters.ts"

const folder = fileURLToPath(new URL("../src/python/", import.meta.url))
const question = "import json, sandbox; print(json.dumps(sandbox.levels()))"

export const missing: { readonly strict: string | null; readonly ns: string | null } =
  process.platform === "linux"
    ? JSON.parse(execFileSync(real, ["-B", "-c", question], { cwd: folder, encoding: "utf8" }))
    : { strict: "not on this platform", ns: "not on this platform" }

export const levels = ["strict", "ns"] as const

/** For the name of a suite that is skipped. */
export const why = (reason: string | null): string => (reason === null ? "" : ` (skipped: ${reason})`)
