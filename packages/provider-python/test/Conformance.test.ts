/** What every provider must do, with a real Python. */
import { ProviderTest } from "@gleitzeit/testkit"
import { Effect } from "effect"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PythonProvider } from "../src/index.ts"
import { real } from "./Interpreters.ts"

const pidFile = join(mkdtempSync(join(tmpdir(), "gleitzeit-")), "pid")

const isGone = Effect.sync(() => {
  try {
    process.kill(Number(readFileSync(pidFile, "utf8")), 0)
    return false
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH"
  }
})

ProviderTest.suite("python", PythonProvider.layer({ command: real }), {
  slow: {
    method: "python/execute",
    params: {
      code: "import os, time\nopen(args, 'w').write(str(os.getpid()))\ntime.sleep(60)",
      args: pidFile
    },
    after: 1000,
    isGone
  },
  failing: [
    { method: "python/execute", params: { code: "raise ValueError('no')" } },
    { method: "python/execute", params: { code: "open('/etc/passwd')", sandbox: true } },
    { method: "python/execute", params: { code: "import os\nos.abort()" } },
    { method: "python/execute", params: { file: "/nowhere/at/all.py" } }
  ]
})
