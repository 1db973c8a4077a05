/** `gleitzeit config [path]` */
import { Effect } from "effect"
import { Command } from "../Cli.ts"
import * as ConfigFiles from "../ConfigFiles.ts"
import * as Machine from "../Machine.ts"
import * as Origins from "../Origins.ts"
import { Output } from "../Output.ts"
import * as Text from "../Text.ts"

const path = Command.make(
  "path",
  {},
  Effect.fn("gleitzeit.config.path")(function* () {
    const output = yield* Output
    const looks = yield* ConfigFiles.find(yield* Machine.places)
    if (output.options.json) {
      return yield* output.json({
        files: looks.map(({ file, level, place }) => ({ level, looked_for: place, file: file?.path ?? null }))
      })
    }
    const rows = looks.map(({ file, level, place }) => [
      level,
      file?.path ?? place,
      file === undefined ? "not there" : "read"
    ])
    yield* output.data(Text.table(rows.map((row) => row.map(Text.flat))).join("\n"))
  })
).pipe(
  Command.withDescription(
    "List the configuration files that are read, and where others were looked for; the first wins"
  ),
  Command.withShortDescription("List configuration files")
)

export const config = Command.make(
  "config",
  {},
  Effect.fn("gleitzeit.config")(function* () {
    const output = yield* Output
    const settings = yield* Machine.settings
    if (output.options.json) {
      const unused = settings.unused.map(({ from, value }) => ({ key: value, from }))
      return yield* output.json({ settings: Origins.document(settings), unused })
    }
    const rows = [
      ...Origins.rows(settings).map(({ from, key, value }) => [key, value, from]),
      ...settings.unused.map(({ from, value }) => [value, "has no effect in this version", from])
    ]
    const [head = "", ...lines] = Text.table([["SETTING", "VALUE", "FROM"], ...rows.map((row) => row.map(Text.flat))])
    yield* output.data([output.dataStyle.dim(head), ...lines].join("\n"))
  })
).pipe(
  Command.withDescription("Show every setting and where it comes from; passwords, tokens and keys are left out"),
  Command.withShortDescription("Show settings and where they come from"),
  Command.withSubcommands([path])
)
