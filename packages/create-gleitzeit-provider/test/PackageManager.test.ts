import { assert, it } from "@effect/vitest"
import { detect } from "../src/PackageManager.ts"

it("who started this is known by its user agent, and npm is taken otherwise", () => {
  const agents: ReadonlyArray<readonly [agent: string | undefined, name: string]> = [
    ["npm/11.19.1 node/v24.21.0 linux x64 workspaces/false", "npm"],
    ["pnpm/12.21.0 npm/? node/v24.21.0 linux x64", "pnpm"],
    ["yarn/1.22.22 npm/? node/v24.21.0 linux x64", "yarn"],
    ["bun/1.3.0 npm/? node/v24.3.0 linux x64", "bun"],
    ["deno/2.0.0", "npm"],
    ["pnpmish/1", "npm"],
    [undefined, "npm"]
  ]
  for (const [agent, name] of agents) assert.strictEqual(detect(agent), name)
})
