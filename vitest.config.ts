import { defineConfig } from "vitest/config"

const conditions = ["gz-source", "node", "module", "import", "default"]

/** Nothing of theirs outlives a test: the files of one process share what they import, which is half of their time. */
const shared = [
  "packages/core/test/**/*.test.ts",
  "packages/testkit/test/**/*.test.ts",
  "packages/mini-ollama/test/**/*.test.ts",
  "packages/provider-{ollama,agent,mcp}/test/**/*.test.ts",
  "packages/mcp-server/test/**/*.test.ts",
  "packages/cli/test/**/*.test.ts",
  "house/*.test.ts"
]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // one less by default, which is one on a machine with two
    maxWorkers: "100%",
    projects: [
      { extends: true, test: { name: "shared", include: shared, isolate: false } },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["packages/*/test/**/*.test.ts", "templates/*/test/**/*.test.ts", "examples/*.test.ts"],
          // processes that tests fork read the same sources
          execArgv: ["--conditions=gz-source"],
          exclude: ["**/node_modules/**", ...shared]
        }
      }
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text-summary", "json-summary", "text"]
    }
  }
})
