/**
 * `one.js` is the whole program in one file, as the command line is built; `engine.js` the engine alone, for the peers'
 * harness; `plain.js` takes everything but itself from the packages as they are published, module by module.
 */
import commandLine from "../packages/cli/tsup.config.ts"
import { program } from "../tsup.base.ts"

const oneFile = {
  ...program,
  outDir: "bench/dist",
  clean: false,
  splitting: false,
  esbuildPlugins: commandLine.esbuildPlugins,
  esbuildOptions: commandLine.esbuildOptions
}

export default [
  { ...oneFile, entry: { one: "bench/one.ts", engine: "bench/Engine.ts" } },
  {
    ...program,
    outDir: "bench/dist",
    clean: false,
    splitting: false,
    entry: { plain: "bench/one.ts" },
    noExternal: [],
    external: [/^[@\w]/]
  }
]
