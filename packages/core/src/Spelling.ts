/** How a workflow document is written: its keys, each under its own name, with the other spellings that are read. */
import type { Complaints } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import * as Field from "./Field.ts"
import { some } from "./JsonSchemaWords.ts"
import { type Fields, type Keys, make, schema } from "./Keys.ts"
import type { Entry, Mapping, Place } from "./Position.ts"
import { roots } from "./Task.ts"

/** Iterations that a `repeat` may have. */
export const maxIterations = 1000

export const retry = make({
  owner: "`retry`",
  names: {
    max_attempts: { description: "Attempts in all, the first included.", otherwise: "3", is: Field.whole(1) },
    delay: {
      also: ["base_delay"],
      description: "How long before the second attempt: seconds, or `250ms`, `30s`, `5m`.",
      otherwise: "`1s`",
      is: Field.duration(0)
    },
    backoff: {
      description: "How the delay grows from attempt to attempt.",
      otherwise: "`exponential`",
      is: Field.choice("fixed", "linear", "exponential")
    },
    exponential_backoff: {
      description: "`true` is `backoff: exponential`, `false` is `backoff: fixed`.",
      is: Field.flag
    },
    max_delay: {
      description: "No delay is longer, but for the jitter.",
      otherwise: "`5m`, or `delay` if that is longer",
      is: Field.duration(0)
    },
    jitter: { description: "Adds up to 30 % to each delay by chance.", otherwise: "`true`", is: Field.flag },
    on: {
      description: "Codes or names of the errors to try again, such as `-29003` or `TASK_TIMEOUT`.",
      otherwise: "every failure that another attempt can change",
      is: {
        schema: {
          type: ["array", "string", "integer"],
          items: { type: ["string", "integer"], minLength: 1 },
          minLength: 1
        }
      }
    }
  }
})

export const repeat = make({
  owner: "`repeat`",
  names: {
    until: {
      description: "The condition that ends it, in CEL, looked at after each iteration: `result.score > 8`. Required.",
      is: Field.expression
    },
    max: {
      description: `Iterations at most, 1 to ${maxIterations}. Required.`,
      is: Field.whole(1, maxIterations)
    },
    on_max: {
      description: "When `until` does not hold after the last one: `fail`, or `continue` with the last result.",
      otherwise: "`fail`",
      is: Field.choice("fail", "continue")
    }
  }
})

export const cache = make({
  owner: "`cache`",
  names: {
    ttl: {
      description: "How long a result is good for, such as `1d`.",
      otherwise: "for ever",
      is: Field.duration(1)
    },
    key: {
      description: "What a result is found by, a text with references.",
      otherwise: "the params",
      is: Field.filled
    }
  }
})

export const budget = make({
  owner: "`budget`",
  names: {
    tokens: { description: "Tokens of models, input and output together.", is: Field.positive },
    cost_usd: { description: "US dollars.", is: Field.positive },
    calls: {
      description: "Calls of methods, retries and calls that a handler makes included.",
      is: Field.positive
    },
    duration: { description: "Time running, not time waiting: seconds, or `30s`, `5m`.", is: Field.duration(1) }
  }
})

const retrySchema = { ...schema(retry), type: ["object", "null"] }
const budgetSchema = { ...schema(budget), minProperties: 1 }

const timeout = "seconds, or `30s`, `5m`, `1h`"

export const defaults = make({
  owner: "`defaults`",
  names: {
    model: { description: "The model of tasks that call `llm/...`.", is: Field.filled },
    timeout: { description: `How long an attempt may take: ${timeout}.`, is: Field.duration(1) },
    retry: {
      description: "How failed attempts are followed by others; a task's own `retry` is filled up from it.",
      is: { schema: retrySchema }
    },
    priority: { description: "How urgent tasks are.", is: Field.priority },
    on_error: { description: "What follows when a task fails.", is: Field.choice("fail", "continue") },
    provider: { description: "Which of several providers of a method.", is: Field.filled }
  }
})

const common = {
  description: { description: "For people.", is: Field.text },
  tags: { description: "For people; one, or a list.", is: Field.strings },
  metadata: { description: "Kept and not looked at.", is: Field.json }
} as const

export const task = make({
  owner: "a task",
  names: {
    id: {
      description:
        "What the task is called in references: `${research.content}`. 1 to 200 characters, spaces and dots allowed, " +
        "no `$`, `{`, `}`; none of the words that references begin with.",
      otherwise: "`name`, else `task-1` and so on",
      is: Field.filled
    },
    name: { description: "What people read. Without an `id` it is the id.", is: Field.filled },
    ...common,
    method: {
      also: ["type"],
      description: "What the task calls, such as `llm/chat` or `python/execute`.",
      is: Field.filled
    },
    protocol: {
      description: "The method's protocol, such as `llm/v1`. Needed for a method without `/`.",
      otherwise: "the method's prefix and `/v1`",
      is: Field.filled
    },
    provider: {
      description: "Which of several providers of the method.",
      otherwise: "the first that is healthy",
      is: Field.filled
    },
    params: {
      also: ["parameters", "with"],
      description: "What the method gets. Any value may be a reference.",
      is: Field.mapping
    },
    workflow: {
      description:
        "Tasks inside this one, instead of a method: a list of tasks, a workflow, or the path of a file that holds one.",
      see: "nested-workflows",
      is: { schema: { $ref: "#/definitions/nested" } }
    },
    inputs: {
      description: "What the workflow inside is given, by name. Beside `workflow` only.",
      is: Field.mapping
    },
    dependencies: {
      also: ["needs", "depends_on"],
      description:
        "Ids or names of tasks that must be over first. Those that references and conditions imply come in addition.",
      is: Field.strings
    },
    if: {
      also: ["when", "condition"],
      description:
        "A condition in CEL: false skips the task. One that names `item` or `index` is judged for each item.",
      see: "conditions-and-expressions",
      is: Field.expression
    },
    foreach: {
      description: "A list, a reference to one, or CEL: the task runs once for each `${item}`.",
      see: "foreach",
      is: { schema: { type: ["string", "array"], minLength: 1 } }
    },
    concurrency: {
      description: "Items of a `foreach` at once.",
      otherwise: "as many as the run may",
      is: Field.whole(1)
    },
    repeat: {
      description: "Runs again until a condition holds.",
      see: "repeat",
      is: { schema: { ...schema(repeat, { required: ["until", "max"] }) } }
    },
    retry: {
      description: "How a failed attempt is followed by another.",
      otherwise: "3 attempts of what only reads, 1 of what writes",
      see: "retry",
      is: { schema: retrySchema }
    },
    timeout: {
      description: `How long one attempt may take: ${timeout}.`,
      otherwise: "no limit",
      is: Field.duration(1)
    },
    on_error: {
      description: "What follows when the task fails: `fail`, or `continue` without its value.",
      otherwise: "`fail`",
      is: Field.choice("fail", "continue")
    },
    once: {
      description: "Its start is committed before the call: it is not run again by itself after a crash.",
      otherwise: "`false`",
      see: "delivery.md",
      is: Field.flag
    },
    cache: {
      description: "The result is kept for later runs: `true`, or `{ ttl, key }`.",
      otherwise: "`false`",
      see: "cache",
      is: { schema: { ...schema(cache), type: ["boolean", "object"] } }
    },
    effects: {
      description: "Whether the call changes anything: overrides the method's mark.",
      otherwise: "the method's",
      is: Field.choice("reads", "writes")
    },
    priority: { description: "How urgent it is; 0 is `urgent`.", otherwise: "the workflow's", is: Field.priority },
    budget: {
      description: "What the task may use at most, with all its items, iterations and attempts.",
      otherwise: "no limit",
      see: "budget",
      is: { schema: budgetSchema }
    }
  }
})

export const workflow = make({
  owner: "a workflow",
  names: {
    name: { description: "What runs are listed under.", otherwise: "`id`, else the file's name", is: Field.filled },
    id: { description: "Kept with the run, which has an id of its own.", is: Field.filled },
    version: { description: "Of the workflow, for people.", is: Field.text },
    ...common,
    inputs: {
      description: "What a run may be given, each under its name with a JSON Schema.",
      see: "inputs",
      is: { schema: { $ref: "#/definitions/inputs" } }
    },
    defaults: {
      description: "What holds for tasks that do not say otherwise.",
      is: { schema: { ...schema(defaults), type: ["object", "null"] } }
    },
    providers: {
      description: "Protocols that must be on duty, such as `llm/v1`; other names are kept and not looked at.",
      is: Field.strings
    },
    secrets: { description: "Names that `${secrets.NAME}` may speak of.", is: Field.strings },
    env: { description: "Environment variables that `${env.NAME}` may speak of.", is: Field.strings },
    timeout: {
      description: `How long the run may take, time waiting not counted: ${timeout}.`,
      otherwise: "no limit",
      is: Field.duration(1)
    },
    priority: { description: "How urgent tasks are that do not say.", otherwise: "`normal`", is: Field.priority },
    fail_fast: {
      description: "The first failure cancels everything at once.",
      otherwise: "`false`: independent branches finish",
      is: Field.flag
    },
    max_concurrency: {
      also: ["max_parallel_tasks"],
      description: "Tasks at once.",
      otherwise: "10",
      is: Field.whole(1)
    },
    wait_for_completion: { description: "Read, without effect.", is: Field.flag },
    budget: {
      description: "What the run may use at most.",
      otherwise: "no limit",
      see: "budget",
      is: { schema: budgetSchema }
    },
    type: { description: "Of another kind of document.", is: Field.json },
    tasks: {
      description: "What is done, at least one. The order is that of what they need of each other.",
      is: { schema: { $ref: "#/definitions/tasks" } }
    },
    outputs: {
      description: "What the run brings: names with values, usually references.",
      otherwise: "the results of the tasks that nothing follows are shown",
      is: Field.mapping
    },
    $schema: { description: "For editors.", is: Field.json }
  },
  unsupported: ["batch", "template"],
  refused: ["type"]
})

/** Types of JSON Schema, with what they are called elsewhere. */
export const schemaTypes: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["string", ["str", "text"]],
  ["integer", ["int", "long"]],
  ["number", ["float", "double", "decimal"]],
  ["boolean", ["bool"]],
  ["array", ["list", "sequence", "tuple"]],
  ["object", ["dict", "map", "mapping", "struct", "json"]],
  ["null", ["none", "nil"]]
])

/** Of an input, what editors offer. */
export const input = make({
  owner: "an input",
  names: {
    type: {
      description: "The kind of value; several in a list.",
      otherwise: "any",
      is: {
        schema: {
          anyOf: [{ enum: [...schemaTypes.keys()] }, { type: "array", items: { enum: [...schemaTypes.keys()] } }]
        }
      }
    },
    description: { description: "For people.", is: { schema: {} } },
    default: { description: "What it is when nothing is given.", is: Field.json },
    required: {
      description: "Whether it must be given.",
      otherwise: "`true` without a `default`",
      is: { schema: { type: ["boolean", "array"] } }
    },
    secret: {
      description: "Not recorded; asked for again on resume.",
      otherwise: "`false`",
      is: Field.flag
    },
    enum: { description: "The values to choose from.", is: { schema: { type: "array" } } },
    minimum: { description: "The least number.", is: { schema: {} } },
    maximum: { description: "The greatest number.", is: { schema: {} } },
    minLength: { description: "The least number of characters.", is: { schema: {} } },
    maxLength: { description: "The greatest number of characters.", is: { schema: {} } },
    pattern: { description: "A regular expression that text must match.", is: { schema: { type: "string" } } },
    format: { description: "Such as `date`, `email`, `uri`.", is: { schema: {} } },
    items: { description: "The schema of each item of a list.", is: { schema: { $ref: "#/definitions/schema" } } },
    minItems: { description: "The least number of items.", is: { schema: {} } },
    maxItems: { description: "The greatest number of items.", is: { schema: {} } },
    properties: {
      description: "Schemas of the fields of a mapping, by name.",
      is: { schema: { additionalProperties: { $ref: "#/definitions/schema" } } }
    },
    additionalProperties: {
      description: "Whether a mapping may have other fields, or their schema.",
      is: { schema: { $ref: "#/definitions/schema" } }
    },
    examples: { description: "For people.", is: { schema: {} } }
  }
})

/** Keys of a nested workflow that are the run's. */
export const ofTheRun: ReadonlyArray<string> = ["timeout", "max_concurrency", "fail_fast"]

/** What has no meaning beside `workflow` in a task, and what has. */
export const besideWorkflow: ReadonlyArray<readonly [key: keyof typeof task.names, remedy: string]> = [
  ["method", "its tasks have methods"],
  ["protocol", "its tasks have protocols"],
  ["provider", "its tasks have providers"],
  ["params", "a nested workflow gets `inputs`"],
  ["retry", "give it to the tasks inside, where what is done is not done again"],
  ["timeout", "give it to the tasks inside, or a `duration` to its `budget`"],
  ["once", "give it to the tasks inside"],
  ["cache", "give it to the tasks inside"],
  ["effects", "give it to the tasks inside"]
]

/** What a task may be called, for editors; a reader says what is wrong. */
export const taskId = {
  pattern: `^(?!(?:${roots.join("|")})$)[^${"${}"}\\u0000-\\u001f\\u007f-\\u009f]{1,200}$`,
  patternErrorMessage:
    "expected 1 to 200 characters without $, {, } and control characters, and no word that references begin with"
}

/** What an input may be called. */
export const inputName = /^[\p{L}_][\p{L}\p{N}_-]*$/u

export type { Fields } from "./Keys.ts"

/** What a mapping holds; whatever is no key of it, or stands there twice, is a complaint. */
export const fields = (node: Mapping, keys: Keys, complaints: Complaints): Fields => {
  const { names, owner, unsupported = [] } = keys
  const own = ownNames(keys)
  const found = new Map<string, Entry>()
  const spelled = new Map<string, string>()
  for (const [key, entry] of node.entries) {
    const name = own.get(key)
    if (name === undefined) {
      if (unsupported.includes(key)) addUnsupported(key, entry.key, complaints)
      else {
        const suggestion = nearest(key, own.keys())
        const known = suggestion === undefined ? `, expected ${some(Object.keys(names))}` : ""
        complaints.add(entry.key, "unknown-key", `unknown key "${key}" in ${owner}${known}`, { suggestion })
      }
      continue
    }
    const former = spelled.get(name)
    if (former === undefined) {
      found.set(name, entry)
      spelled.set(name, key)
    } else complaints.add(entry.key, "duplicate-key", `"${key}" says the same as "${former}", expected one of them`)
  }
  return found
}

export const addUnsupported = (what: string, place: Place, complaints: Complaints): void =>
  complaints.add(place, "not-supported", `\`${what}\` is not supported by this version`)

/** The entry of a mapping under one of the spellings of its name. */
export const entryOf = (node: Mapping, name: string, keys: Keys): Entry | undefined =>
  node.entries.get(name) ??
  (Object.hasOwn(keys.names, name) ? keys.names[name] : undefined)?.also
    ?.map((key) => node.entries.get(key))
    .find(Boolean)

/** What stands under `inputs.NAME` besides `default`, `required` and `secret`: the words of JSON Schema. */
export const schemaWords: ReadonlySet<string> = new Set(
  `type enum const title description examples deprecated readOnly writeOnly format minimum maximum
   exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern items prefixItems additionalItems
   unevaluatedItems contains minContains maxContains minItems maxItems uniqueItems properties patternProperties
   additionalProperties unevaluatedProperties propertyNames minProperties maxProperties required
   dependentRequired dependentSchemas dependencies allOf anyOf oneOf not if then else $ref $defs definitions
   $schema $id $anchor $comment contentEncoding contentMediaType`.split(/\s+/)
)

/** Methods that may also be written as if they were of another protocol: by that spelling, what is meant. */
export const methods: ReadonlyMap<string, { readonly method: string; readonly protocol: string }> = new Map([
  ["llm/agent", { method: "agent/run", protocol: "agent/v1" }]
])

/** Which method, in which protocol: `llm/chat` is of `llm/v1`; in `mcp/v1`, `tool.x` is `mcp/tool.x`. A text says what is wrong. */
export const methodOf = (
  method: string,
  protocol: string | undefined
):
  | { readonly method: string; readonly protocol: string }
  | { readonly issue: string; readonly suggestion?: string } => {
  const found = writtenMethod(method, protocol)
  return "method" in found ? (methods.get(found.method) ?? found) : found
}

// internal

const writtenMethod = (method: string, protocol: string | undefined): ReturnType<typeof methodOf> => {
  const slash = method.indexOf("/")
  const first = slash < 0 ? "" : method.slice(0, slash)
  if (protocol === undefined) {
    if (slash < 0)
      return { issue: `"${method}" names no protocol: write PROTOCOL/${method}, or give the task a \`protocol\`` }
    if (!/^[a-z][a-z0-9_-]*$/.test(first)) {
      return { issue: `"${first}" is no name of a protocol: small letters, digits, "-" and "_"` }
    }
    return { method, protocol: `${first}/v1` }
  }
  const prefix = protocol.slice(0, protocol.indexOf("/"))
  if (first === prefix) return { method, protocol }
  // `resource.file://x` has a slash too
  if (slash < 0 || !/^[a-z][a-z0-9_-]*$/.test(first)) return { method: `${prefix}/${method}`, protocol }
  return { issue: `"${method}" is not of the protocol ${protocol}`, suggestion: `${prefix}${method.slice(slash)}` }
}

const known = new WeakMap<Keys, ReadonlyMap<string, string>>()

/** Names by all their spellings. */
const ownNames = (keys: Keys): ReadonlyMap<string, string> => {
  let names = known.get(keys)
  if (names === undefined) {
    names = new Map(
      Object.entries(keys.names).flatMap(([name, { also = [] }]) => [name, ...also].map((key) => [key, name] as const))
    )
    known.set(keys, names)
  }
  return names
}
