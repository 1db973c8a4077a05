/** The command line as a tree: one file a command. */
import { Effect, Layer } from "effect"
import { Command } from "./Cli.ts"
import { call } from "./commands/call.ts"
import { cancel } from "./commands/cancel.ts"
import { check } from "./commands/check.ts"
import { completions } from "./commands/completions.ts"
import { config } from "./commands/config.ts"
import { doctor } from "./commands/doctor.ts"
import { fork } from "./commands/fork.ts"
import { logs } from "./commands/logs.ts"
import { ls } from "./commands/ls.ts"
import { mcp } from "./commands/mcp.ts"
import { pause } from "./commands/pause.ts"
import { plan } from "./commands/plan.ts"
import { protocols } from "./commands/protocols.ts"
import { providers } from "./commands/providers.ts"
import { respond } from "./commands/respond.ts"
import { result } from "./commands/result.ts"
import { resume } from "./commands/resume.ts"
import { retry } from "./commands/retry.ts"
import { rm } from "./commands/rm.ts"
import { run } from "./commands/run.ts"
import { schema } from "./commands/schema.ts"
import { show } from "./commands/show.ts"
import { signal } from "./commands/signal.ts"
import { step } from "./commands/step.ts"
import { watch } from "./commands/watch.ts"
import * as Flags from "./Flags.ts"
import * as Machine from "./Machine.ts"
import * as Output from "./Output.ts"

export const gleitzeit = Command.make("gleitzeit").pipe(
  Command.withDescription("Durable workflows of LLM, Python and custom tasks"),
  Command.withSubcommands([
    { group: "Run", commands: [run, check, plan, call] },
    { group: "Read", commands: [ls, show, logs, watch, result] },
    { group: "Steer", commands: [resume, respond, signal, pause, step, cancel, retry, fork, rm] },
    {
      group: "Look around",
      commands: [providers, protocols, mcp, schema, config, doctor, completions(Effect.suspend(whole))]
    }
  ]),
  Command.provide(Output.logging.pipe(Layer.provideMerge(Output.layer(Machine.speech)))),
  Command.withGlobalFlags(Flags.all)
)

// internal

function whole(): Effect.Effect<Command.Command.Any> {
  return Effect.succeed(gleitzeit)
}
