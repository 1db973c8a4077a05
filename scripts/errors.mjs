// docs/errors.md from the error modules; run by itself it prints the page. A class's number and name are its own; its
// meaning is its doc comment, so a class without one is refused.
import { Arbitrary, Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const core = join(root, "packages/core/src")
const files = [
  ...readdirSync(core)
    .filter((name) => name.endsWith("Errors.ts") && name !== "Errors.ts")
    .map((name) => join(core, name)),
  join(root, "packages/cli/src/ExitCode.ts")
]

const declared =
  /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?export class (\w+) extends Schema\.TaggedError(?:.*\{\}|[\s\S]*?\n\}(?=\n|$))/g

const rows = []
for (const file of files) {
  const module = await import(pathToFileURL(file).href)
  for (const [source, comment, tag] of readFileSync(file, "utf8").matchAll(declared)) {
    const samples = Effect.runSync(Arbitrary.sampleEffect(Arbitrary.schema(module[tag]), { count: 50, seed: 1 }))
    const [error] = samples
    if (error.code === undefined) continue
    if (comment === undefined) throw new Error(`${file}: ${tag} has no doc comment`)
    const getter = /get code\(\)[\s\S]*?\n {2}\}/.exec(source)?.[0]
    const codes = getter === undefined ? [error.code] : [...new Set(getter.match(/-\d+/g))].map(Number)
    const meaning = comment.replace(/\s*\n\s*\*?\s*/g, " ").replace(/^\s*\*?\s*|\s+$/g, "")
    const again = new Set(samples.map((sample) => sample.retryable))
    const retryable = again.size > 1 ? "says so itself" : again.has(true) ? "yes" : "no"
    for (const code of codes) rows.push({ code, name: error.name, tag, retryable, meaning })
  }
}
// made where they arise, without a class
rows.push(
  {
    code: -32603,
    name: "INTERNAL_ERROR",
    tag: "",
    retryable: "no",
    meaning: "A handler ended in a way it does not declare: a mistake in a program."
  },
  {
    code: -28003,
    name: "WORKFLOW_EXECUTION_FAILED",
    tag: "",
    retryable: "no",
    meaning: "Tasks of the run failed: the first is named, all are listed. The error of a run, never of a task."
  }
)

const cell = (text) => text.replaceAll("|", "\\|")
const ranges = [
  ["-32xxx", "JSON-RPC's own: the call could not be made"],
  ["-3100x", "configuration, files, the program itself"],
  ["-3000x", "provider"],
  ["-2900x", "task"],
  ["-2800x", "workflow, run"],
  ["-2600x", "store"]
]

/** For `docs/cli.md` too. */
export const exitCodes = `| code | when |
| --- | --- |
| 0 | everything went well |
| 1 | the run failed or was cancelled, or something that has no code of its own |
| 2 | the command line, an input or a setting cannot be used |
| 3 | mistakes in the workflow |
| 4 | a file, a run or a task that was named is not there |
| 5 | a provider or the store cannot be used, or the run was written by a newer version |
| 6 | the run waits for an answer, a signal, or to be continued |
| 7 | the run waits for a higher budget |
| 124 | the workflow's own \`timeout\` |
| 130, 143 | interrupted by SIGINT, SIGTERM |`

export const page = `# Errors

<!-- Printed by scripts/docs.mjs from packages/core/src/*Errors.ts. Change it there. -->

Every failure is data: a \`code\`, the code's \`name\`, a \`message\` that says what would have worked, whether trying again
can help (\`retryable\`), sometimes the least delay before that (\`retryAfter\`, milliseconds) and facts (\`data\`). This is
what \`--json\` prints, what the journal keeps and what \`retry: { on: [...] }\` names, by code or by name. In TypeScript it is
a tagged error; its tag is in the third column.

${ranges.map(([range, words]) => `- ${range}: ${words}`).join("\n")}

| code | name | tag | try again | what is the case |
| --- | --- | --- | --- | --- |
${rows
  .toSorted((a, b) => a.code - b.code || (a.name < b.name ? -1 : 1))
  .map(
    ({ code, name, tag, retryable, meaning }) =>
      `| ${code} | ${name} | ${tag === "" ? "" : `\`${tag}\``} | ${retryable} | ${cell(meaning)} |`
  )
  .join("\n")}

"says so itself": the same error may or may not be worth another attempt, and each carries which.

Without a \`retry\` block a task is tried again when its error is worth it and its method only reads; see
[workflow-format.md](workflow-format.md#retry).

## Exit codes of the command line

${exitCodes}
`

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(page)
