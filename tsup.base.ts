/** How every package is built. Declarations come from `tsc -b`: tsup's own need TypeScript's JavaScript API. */
import type { Options } from "tsup"

const base: Options = {
  format: ["esm"],
  target: "node22",
  platform: "node",
  dts: false,
  clean: false,
  splitting: true,
  removeNodeProtocol: false // "node:sqlite" without its prefix is no module
}

/** The names of chunks change with what is in them; declarations stay, which are `tsc`'s. */
export const library: Options = {
  ...base,
  entry: ["src/*.ts"],
  sourcemap: true,
  clean: ["!**/*.d.ts", "!**/*.d.ts.map"]
}

/** One self-contained program: start-up time is mostly the number of modules. */
export const program: Options = {
  ...base,
  entry: { bin: "src/bin.ts" },
  clean: true,
  minify: true,
  noExternal: [/.*/],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
  }
}
