import { cpSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { program } from "../../tsup.base.ts"

const resolve = createRequire(import.meta.url).resolve
const core = fileURLToPath(new URL("../core/src/", import.meta.url))

/** Where the modules of a barrel are. */
const places: { readonly [barrel: string]: (name: string) => string } = {
  effect: (name) => `effect/${name}`,
  "effect/cli": (name) => `effect/cli/${name}`,
  "./Cli.ts": (name) => `effect/cli/${name}`,
  "../Cli.ts": (name) => `effect/cli/${name}`,
  "@gleitzeit/core": (name) => `${core}${name}.ts`
}

/**
 * `import { Effect } from "effect"` makes esbuild keep every member of `Effect`, used or not; imported as a module only
 * what is used gets in. Types are gone by then, and what begins with a small letter is no module.
 */
const takeApart = (source: string): string =>
  source.replaceAll(/^import \{([^}]*)\} from "([^"]+)"$/gm, (statement, names: string, barrel: string) => {
    const place = places[barrel]
    if (place === undefined) return statement
    const all = names.split(",").map((name) => name.trim())
    const modules = all.filter((name) => /^[A-Z]\w*$/.test(name))
    const others = all.filter((name) => name !== "" && !name.startsWith("type ") && !modules.includes(name))
    return [
      ...modules.map((name) => `import * as ${name} from "${place(name)}"`),
      ...(others.length === 0 ? [] : [`import { ${others.join(", ")} } from "${barrel}"`])
    ].join("\n")
  })

export default {
  ...program,
  // the names of chunks change with what is in them
  clean: ["**/*.js"],
  define: { "Intl.Segmenter": "LazySegmenter" },
  inject: ["src/LazySegmenter.ts"],
  esbuildOptions(options: { alias?: Record<string, string>; conditions?: Array<string> }) {
    // from source: the bundle depends on no other package having been built before
    options.conditions = ["gz-source"]
    // as modules it starts 10 ms faster than in the form that Node would choose
    options.alias = { yaml: resolve("yaml/package.json").replace(/package\.json$/, "browser/index.js") }
  },
  esbuildPlugins: [
    {
      name: "take barrels apart",
      setup(build: {
        onLoad: (
          on: { filter: RegExp },
          load: (file: { path: string }) => { contents: string; loader: "ts" } | undefined
        ) => void
      }) {
        build.onLoad({ filter: /packages[/\\][\w-]+[/\\]src[/\\].*\.ts$/ }, ({ path }) => ({
          contents: takeApart(readFileSync(path, "utf8")),
          loader: "ts"
        }))
      }
    }
  ],
  // what is no module lies beside the program, where the Python provider looks for it
  onSuccess: async () =>
    cpSync("../provider-python/src/python", "dist/assets/python", {
      recursive: true,
      filter: (path: string) => !path.includes("__pycache__")
    })
}
