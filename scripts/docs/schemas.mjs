// JSON Schemas as tables that people read.

/** `a`, `b` or `c` */
export const or = (parts) =>
  parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} or ${parts.at(-1)}`

export const cell = (text) => text.replaceAll("|", "\\|").replace(/\s*\n\s*/g, " ")

/** Columns in which nothing stands are left out. */
export const table = (head, rows) => {
  const kept = head.map((_, n) => n === 0 || rows.some((row) => row[n] !== ""))
  const line = (cells) =>
    `|${cells.flatMap((cell, n) => (kept[n] ? [cell === "" ? " " : ` ${cell} `] : [])).join("|")}|`
  return [line(head), line(head.map(() => "---")), ...rows.map((row) => line(row.map(cell)))].join("\n")
}

/** The fields of a mapping, those of mappings inside it too: name, type, what it is. */
export const fields = (schema, root = schema, prefix = "") => {
  const { properties = {}, required = [] } = flat(schema, root)
  return Object.entries(properties).flatMap(([name, property]) => {
    const one = flat(property, root)
    // named only to say where it belongs
    if (one.not !== undefined && Object.keys(one.not).length === 0) return []
    const path = `${prefix}${name}`
    const inner = one.type === "array" ? flat(one.items ?? {}, root) : one
    const under = one.type === "array" ? `${path}[].` : `${path}.`
    return [
      { path, must: required.includes(name), type: typeOf(one, root), about: one.description ?? "" },
      ...(inner.properties === undefined || marked(one) !== undefined ? [] : fields(inner, root, under))
    ]
  })
}

/** What holds between fields: of which one is needed, which exclude each other. */
export const rules = (schema) => {
  const { allOf = [], ...own } = schema
  return [own, ...allOf].flatMap(({ anyOf, dependencies, dependentRequired, not, oneOf }) => [
    ...(onlyRequired(anyOf) ? [`At least one of ${and(anyOf.map(keysOf))} must be given.`] : []),
    ...(onlyRequired(oneOf) ? [`Just one of ${and(oneOf.map(keysOf))} must be given.`] : []),
    ...(onlyRequired([not]) ? [`${and(not.required.map(quoted))} cannot stand together.`] : []),
    ...Object.entries({ ...dependencies, ...dependentRequired }).flatMap(([key, needed]) =>
      Array.isArray(needed) ? [`${quoted(key)} needs ${and(needed.map(quoted))}.`] : []
    )
  ])
}

/** A type on one line. */
export const typeOf = (schema, root = schema) => or(kinds(schema, root))

// internal

const and = (parts) => or(parts).replace(/ or (?!.* or )/, " and ")

const quoted = (text) => `\`${text}\``

const literal = (value) => (typeof value === "string" ? value : JSON.stringify(value))

/** The kinds of value that it takes, in words. */
const kinds = (schema, root) => {
  const one = flat(schema, root)
  const mark = marked(one)
  if (mark !== undefined) return [mark]
  if (one.enum !== undefined) return one.enum.map((value) => quoted(literal(value)))
  if (one.const !== undefined) return [quoted(literal(one.const))]
  const members = one.anyOf ?? one.oneOf
  if (members !== undefined && !onlyRequired(members)) {
    const found = members.flatMap((member) => kinds(member, root))
    const list = members.find(({ type }) => type === "array")
    const others = members.filter((member) => member !== list).flatMap((member) => kinds(member, root))
    const same = list !== undefined && others.join() === kinds(list.items ?? {}, root).join()
    return same ? [...others, "a list of them"] : [...new Set(found)]
  }
  if (one.patternErrorMessage?.includes("duration")) return ["duration"]
  const types = [one.type ?? []].flat().filter((type, _, all) => type !== "null" || all.length === 1)
  if (types.length === 0) return ["anything"]
  const found = [...new Set(types.flatMap((type) => named(type, one, root)))]
  // a list, or one that would stand in it
  const items = types.includes("array") ? kinds(one.items ?? {}, root) : []
  const lone = found.length > 1 && found.slice(1).every((kind) => items.includes(kind))
  return lone ? [`${found[0]}, or one`] : found
}

const named = (type, schema, root) => {
  switch (type) {
    case "string":
      return ["text"]
    case "integer":
      return [`whole number${bounds(schema)}`]
    case "number":
      return [`number${bounds(schema)}`]
    case "boolean":
      return ["`true`", "`false`"]
    case "array": {
      const items = kinds(schema.items ?? {}, root)
      return [items.includes("anything") ? "list" : `list of ${or(items.map(plural))}`]
    }
    case "object": {
      const { additionalProperties: other } = schema
      const values = typeof other === "object" ? kinds(other, root) : ["anything"]
      return [values.includes("anything") ? "mapping" : `mapping of ${or(values.map(plural))}`]
    }
    default:
      return [type]
  }
}

const plural = (kind) =>
  kind === "path or URL"
    ? "paths or URLs"
    : /^(text|list|mapping|number|whole number|path|model)\b/.test(kind)
      ? kind.replace(/^(\w+ number|\w+)/, "$1s")
      : kind

const bounds = ({ exclusiveMinimum, maximum, minimum }) => {
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum
  const least = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum
  const number = (value) => value.toLocaleString("en", { useGrouping: "always" })
  if (least !== undefined && most !== undefined) return ` (${number(least)} to ${number(most)})`
  if (least !== undefined) return ` (${number(least)} or more)`
  if (most !== undefined) return ` (${number(most)} or less)`
  return exclusiveMinimum === undefined ? "" : ` (more than ${number(exclusiveMinimum)})`
}

const marked = (schema) => {
  const mark = schema["x-gleitzeit"]
  switch (mark?.kind) {
    case "code":
      return mark.language === "cel" ? "CEL" : `code (${mark.language})`
    case "file":
      return mark.urls === true ? "path or URL" : "path"
    case "model":
      return "model"
    default:
      return undefined
  }
}

const onlyRequired = (members) =>
  Array.isArray(members) &&
  members.length > 0 &&
  members.every((one) => one !== undefined && Object.keys(one).join() === "required")

const keysOf = ({ required }) => required.map(quoted).join(" with ")

/** With what it refers to, and what stands under `allOf`. */
const flat = (schema, root, seen = []) => {
  if (typeof schema !== "object" || seen.includes(schema)) return {}
  const inside = [...seen, schema]
  const { $ref, allOf = [], ...own } = schema
  const target = $ref?.startsWith("#/")
    ? $ref
        .slice(2)
        .split("/")
        .reduce((at, key) => at?.[key], root)
    : undefined
  const parts = [...(target === undefined ? [] : [target]), ...allOf]
  return Object.assign({}, ...parts.map((part) => flat(part, root, inside)), own)
}
