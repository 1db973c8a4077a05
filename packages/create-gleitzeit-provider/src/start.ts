/** The whole program: reads the command line, asks, writes, begins a repository, installs, and says what comes next. */
import { Config, Effect, Exit, Option } from "effect"
import * as Command from "./Command.ts"
import { create } from "./Create.ts"
import * as Flags from "./Flags.ts"
import * as Outcome from "./Outcome.ts"
import { commands, detect } from "./PackageManager.ts"
import * as Questions from "./Questions.ts"
import { Failed, type Refusal } from "./Refusal.ts"
import { version } from "./Version.ts"
import { complete } from "./Wish.ts"

/** Where it runs. */
export interface Place {
  /** The folder that it was started in. */
  readonly current: string
  /** To standard output. */
  readonly out: (text: string) => void
  /** To standard error. */
  readonly err: (text: string) => void
  /** Standard error is a terminal. */
  readonly terminal: boolean
}

/** The exit code. It never fails. */
export const program = (
  args: ReadonlyArray<string>,
  place: Place
): Effect.Effect<number, never, Questions.Questions> => {
  const json = args.includes("--json")
  return Flags.read(args).pipe(
    Effect.flatMap((flags) =>
      flags.help
        ? Effect.succeed(Flags.help)
        : flags.version
          ? Effect.succeed(`create-gleitzeit-provider ${version}\n`)
          : Effect.map(make(flags, place), (outcome) => (json ? document(outcome) : Outcome.told(outcome)))
    ),
    Effect.map((text) => (place.out(text), 0)),
    Effect.catch(
      Effect.fnUntraced(function* ({ _tag, message }: Refusal) {
        const [red, plain] =
          place.terminal && (yield* variable("NO_COLOR")) === undefined ? ["\u001B[31m", "\u001B[0m"] : ["", ""]
        if (json) place.out(document({ error: { name: _tag, message } }))
        else place.err(`${red}error:${plain} ${message}\n`)
        return _tag === "Usage" ? 2 : 1
      })
    )
  )
}

export const start = (args: ReadonlyArray<string>): void => {
  const place: Place = {
    current: process.cwd(),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY
  }
  const whole = Effect.scoped(Effect.provideServiceEffect(program(args, place), Questions.Questions, Questions.make))
  Effect.runFork(whole).addObserver((exit) => {
    process.exitCode = Exit.isSuccess(exit) ? exit.value : 1
  })
}

// internal

const make = Effect.fnUntraced(function* (flags: Flags.Flags, place: Place) {
  const packageManager = flags.packageManager ?? detect(yield* variable("npm_config_user_agent"))
  const wish = yield* complete(flags, place.current)
  const written = yield* create(wish, flags.force)
  const git = yield* repository(flags.git, wish.folder, place.err)
  if (flags.install) {
    const { install } = commands[packageManager]
    place.err(`${install}\n`)
    const code = yield* Command.run(install, wish.folder)
    if (code !== 0) {
      const why = code === undefined ? `there is no ${packageManager}` : `${install} ended with ${code}`
      return yield* new Failed({ message: `${why}. The package is there, in ${wish.folder}: install what it needs` })
    }
  }
  return Outcome.make(wish, written, { packageManager, installed: flags.install, git }, place.current)
})

/** Begins one where there is none, or where that is asked for. True when it has. */
const repository = Effect.fnUntraced(function* (
  asked: boolean | undefined,
  folder: string,
  err: (text: string) => void
) {
  if (asked === false) return false
  if (asked === undefined && (yield* Command.run("git rev-parse --is-inside-work-tree", folder, true)) === 0)
    return false
  const code = yield* Command.run("git init --quiet", folder, asked === undefined)
  if (code !== 0 && asked === true)
    err(`no repository: ${code === undefined ? "there is no git" : `git ended with ${code}`}\n`)
  return code === 0
})

const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

const document = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
