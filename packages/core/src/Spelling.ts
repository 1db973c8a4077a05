/** How the keys of a workflow document are written: each under its own name, with the other spellings that are read. */
import type { Complaints } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import { some } from "./JsonSchemaWords.ts"
import type { Entry, Mapping, Place } from "./Position.ts"

export interface Keys {
  /** In messages: `a task`. */
  readonly owner: string
  /** Other spellings by the name. */
  readonly names: { readonly [name: string]: ReadonlyArray<string> }
  /** What belongs to the document and is refused by this version. */
  readonly unsupported?: ReadonlyArray<string>
}

export const workflow: Keys = {
  owner: "a workflow",
  names: {
    name: [],
    id: [],
    version: [],
    description: [],
    tags: [],
    metadata: [],
    inputs: [],
    defaults: [],
    providers: [],
    secrets: [],
    env: [],
    timeout: [],
    priority: [],
    fail_fast: [],
    max_concurrency: ["max_parallel_tasks"],
    wait_for_completion: [],
    budget: [],
    type: [],
    tasks: [],
    outputs: [],
    // for editors
    $schema: []
  },
  unsupported: ["batch", "template"]
}

export const task: Keys = {
  owner: "a task",
  names: {
    id: [],
    name: [],
    description: [],
    tags: [],
    metadata: [],
    method: ["type"],
    protocol: [],
    provider: [],
    params: ["parameters", "with"],
    workflow: [],
    inputs: [],
    dependencies: ["needs", "depends_on"],
    if: ["when", "condition"],
    foreach: [],
    concurrency: [],
    repeat: [],
    retry: [],
    timeout: [],
    on_error: [],
    once: [],
    cache: [],
    effects: [],
    priority: [],
    budget: []
  }
}

export const defaults: Keys = {
  owner: "`defaults`",
  names: { model: [], timeout: [], retry: [], priority: [], on_error: [], provider: [] }
}

export const retry: Keys = {
  owner: "`retry`",
  names: {
    max_attempts: [],
    delay: ["base_delay"],
    backoff: [],
    exponential_backoff: [],
    max_delay: [],
    jitter: [],
    on: []
  }
}

export const repeat: Keys = { owner: "`repeat`", names: { until: [], max: [], on_max: [] } }

export const cache: Keys = { owner: "`cache`", names: { ttl: [], key: [] } }

export const budget: Keys = { owner: "`budget`", names: { tokens: [], cost_usd: [], calls: [], duration: [] } }

/** By the keys' own names. */
export type Fields = ReadonlyMap<string, Entry>

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
  (Object.hasOwn(keys.names, name) ? keys.names[name] : undefined)?.map((key) => node.entries.get(key)).find(Boolean)

/** What stands under `inputs.NAME` besides `default`, `required` and `secret`: the words of JSON Schema. */
export const schemaWords: ReadonlySet<string> = new Set(
  `type enum const title description examples deprecated readOnly writeOnly format minimum maximum
   exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern items prefixItems additionalItems
   unevaluatedItems contains minContains maxContains minItems maxItems uniqueItems properties patternProperties
   additionalProperties unevaluatedProperties propertyNames minProperties maxProperties required
   dependentRequired dependentSchemas dependencies allOf anyOf oneOf not if then else $ref $defs definitions
   $schema $id $anchor $comment contentEncoding contentMediaType`.split(/\s+/)
)

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

/** Which method, in which protocol: `llm/chat` is of `llm/v1`; in `mcp/v1`, `tool.x` is `mcp/tool.x`. A text says what is wrong. */
export const methodOf = (
  method: string,
  protocol: string | undefined
):
  | { readonly method: string; readonly protocol: string }
  | { readonly issue: string; readonly suggestion?: string } => {
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

// internal

const known = new WeakMap<Keys, ReadonlyMap<string, string>>()

/** Names by all their spellings. */
const ownNames = (keys: Keys): ReadonlyMap<string, string> => {
  let names = known.get(keys)
  if (names === undefined) {
    names = new Map(
      Object.entries(keys.names).flatMap(([name, others]) => [name, ...others].map((key) => [key, name] as const))
    )
    known.set(keys, names)
  }
  return names
}
