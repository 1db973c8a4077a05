/** The flags that every command takes, before or after its name. */
import { Flag, GlobalFlag } from "./Cli.ts"

export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON document on standard output, errors too"),
    Flag.withDefault(false)
  )
})

export const Verbose = GlobalFlag.Setting("verbose")({
  flag: Flag.Boolean("verbose").pipe(
    Flag.withAlias("v"),
    Flag.withDescription("Show results and logs of tasks"),
    Flag.withDefault(false)
  )
})

export const Quiet = GlobalFlag.Setting("quiet")({
  flag: Flag.Boolean("quiet").pipe(
    Flag.withAlias("q"),
    Flag.withDescription("Show outputs and errors only"),
    Flag.withDefault(false)
  )
})

export const Debug = GlobalFlag.Setting("debug")({
  flag: Flag.Boolean("debug").pipe(
    Flag.withDescription("Show what the program itself logs, and where errors come from"),
    Flag.withDefault(false)
  )
})

export const NoColor = GlobalFlag.Setting("no-color")({
  flag: Flag.Boolean("no-color").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Print without colors; NO_COLOR in the environment does the same"),
    Flag.withDefault(false)
  )
})

export const Config = GlobalFlag.Setting("config")({
  flag: Flag.String("config").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("The project's configuration (default: gleitzeit.config.ts, .yaml or .json, here or above)"),
    Flag.optional
  )
})

export const Store = GlobalFlag.Setting("store")({
  flag: Flag.String("store").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("Where runs are kept: memory:, sqlite:PATH or a URL of a configured store"),
    Flag.optional
  )
})

export const Durability = GlobalFlag.Setting("durability")({
  flag: Flag.String("durability").pipe(
    Flag.withMetavar("process|power"),
    Flag.withDescription("What a recorded step survives: the end of the process, or a power loss (default)"),
    Flag.optional
  )
})

export const Ollama = GlobalFlag.Setting("ollama")({
  flag: Flag.String("ollama").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("The Ollama server (default: those that answer on this machine)"),
    Flag.optional
  )
})

export const Python = GlobalFlag.Setting("python")({
  flag: Flag.String("python").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("The Python interpreter (default: the first that is found)"),
    Flag.optional
  )
})

export const all = [Json, Verbose, Quiet, Debug, NoColor, Config, Store, Durability, Ollama, Python] as const

/** As they are written, for whoever mistypes one. */
export const names: ReadonlyArray<string> = all.map(({ id }) => `--${id}`)
