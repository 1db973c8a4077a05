/** Who installs: told by a flag, or by what started this process. */

export const names = ["npm", "pnpm", "yarn", "bun"] as const
export type PackageManager = (typeof names)[number]

/** From `npm_config_user_agent`: `pnpm/10.1.0 npm/? node/v24.0.0 linux x64`. npm where it says nothing. */
export const detect = (userAgent: string | undefined): PackageManager =>
  names.find((name) => userAgent?.startsWith(`${name}/`) === true) ?? "npm"

/** Command lines, as somebody would type them. */
export const commands: {
  readonly [name in PackageManager]: { readonly install: string; readonly test: string; readonly run: string }
} = {
  npm: { install: "npm install", test: "npm test", run: "npx gleitzeit run workflow.yaml" },
  pnpm: { install: "pnpm install", test: "pnpm test", run: "pnpm exec gleitzeit run workflow.yaml" },
  yarn: { install: "yarn install", test: "yarn test", run: "yarn gleitzeit run workflow.yaml" },
  // `bun test` would run Bun's own test runner
  bun: { install: "bun install", test: "bun run test", run: "bunx gleitzeit run workflow.yaml" }
}
