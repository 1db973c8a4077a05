/** What stands for `catalog:` in a template once it has left the workspace. The same as in `pnpm-workspace.yaml`. */
export const catalog: { readonly [name: string]: string } = {
  "@effect/vitest": "4.0.5",
  "@types/node": "24.19.2",
  effect: "4.1.0",
  vitest: "5.1.1"
}
