/**
 * Files and images that go with a prompt. Paths come from core: absolute, and inside the folders a run may read. They are
 * read here, never by the `ollama` client, which would take any string for a path.
 */
import { Errors, type LlmV1 } from "@gleitzeit/core"
import { Effect } from "effect"
import { readdir, readFile, stat } from "node:fs/promises"
import { isAbsolute, join } from "node:path"

export interface Attachments {
  /** To be appended to the last user message; empty without files. */
  readonly text: string
  readonly images: ReadonlyArray<Uint8Array>
}

type Named = Pick<LlmV1.ChatParams, "directory" | "file_path" | "file_pattern" | "files" | "image_path" | "images">

/** Everything that these params name. A file that is an image counts as one. */
export const read = (method: string, params: Named): Effect.Effect<Attachments, Errors.InvalidParams> =>
  Effect.gen(function* () {
    const { directory, file_path, file_pattern, files = [], image_path, images = [] } = params
    const shown = [...images, ...optional(image_path)]
    const pictures = yield* Effect.forEach(shown, (image) => picture(method, image))
    if (directory === undefined && file_pattern !== undefined) {
      return yield* invalid(method, "`file_pattern` says which files of `directory`, which is not given")
    }
    const found = directory === undefined ? [] : yield* filesIn(method, directory, file_pattern ?? "*")
    const texts: Array<string> = []
    let size = 0
    for (const path of [...optional(file_path), ...files, ...found]) {
      const bytes = yield* content(method, path)
      size += bytes.length
      if (size > largest) return yield* invalid(method, `the files have more than the ${largest} bytes allowed`)
      const text = isImage(bytes) ? undefined : decoded(bytes)
      if (text !== undefined) texts.push(`\n\nFile content from ${path}:\n${text}`)
      else if (isImage(bytes)) pictures.push(bytes)
      else return yield* invalid(method, `the file ${path} is neither UTF-8 text nor an image`)
    }
    return { text: texts.join(""), images: pictures }
  })

/** An image of a message: a data URL or base64, never a path. */
export const inline = (method: string, image: string): Effect.Effect<Uint8Array, Errors.InvalidParams> => {
  const base64 = image.startsWith("data:") ? dataUrl(image) : image
  if (base64 !== undefined && /^[A-Za-z0-9+/=\s]+$/u.test(base64)) return Effect.succeed(Buffer.from(base64, "base64"))
  const issue = `an image of a message must be a data URL or base64, and "${image.slice(0, 60)}" is neither; paths belong into the param \`images\``
  return invalid(method, issue)
}

// internal

/** Bytes, of one file and of all together. */
const largest = 32_000_000

/** Files of a folder. */
const most = 1000

const invalid = (method: string, issue: string) => Effect.fail(new Errors.InvalidParams({ method, issue }))

const optional = (path: string | undefined): ReadonlyArray<string> => (path === undefined ? [] : [path])

/** In the order of their names. Links are left out: what they lead to may not be read. */
const filesIn = (
  method: string,
  directory: string,
  pattern: string
): Effect.Effect<ReadonlyArray<string>, Errors.InvalidParams> => {
  if (!isAbsolute(directory)) return invalid(method, `the path "${directory}" is not absolute`)
  if (pattern.includes("/")) {
    return invalid(method, `\`file_pattern\` "${pattern}" is a path, expected the name of a file such as *.txt`)
  }
  return Effect.tryPromise({
    try: () => readdir(directory, { withFileTypes: true }),
    catch: (cause) => unreadable(method, directory, cause)
  }).pipe(
    Effect.flatMap((entries) => {
      const names = entries
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .filter((name) => fits(pattern, name) && (pattern.startsWith(".") || !name.startsWith(".")))
      if (names.length === 0) return invalid(method, `no file in ${directory} has a name like "${pattern}"`)
      if (names.length > most) {
        const issue = `${names.length} files in ${directory} have a name like "${pattern}", more than the ${most} allowed; \`foreach\` makes a call of each`
        return invalid(method, issue)
      }
      return Effect.succeed(names.toSorted().map((name) => join(directory, name)))
    })
  )
}

/** `*` stands for any signs, `?` for one. Takes no more than the product of both lengths: no pattern runs wild. */
const fits = (pattern: string, name: string): boolean => {
  const [wanted, given] = [[...pattern], [...name]]
  let [at, from] = [0, 0]
  /** The last `*` that was read, and how far it reaches. */
  let star: { readonly at: number; reach: number } | undefined
  while (from < given.length) {
    if (wanted[at] === "*") star = { at: at++, reach: from }
    else if (wanted[at] === "?" || wanted[at] === given[from]) {
      at++
      from++
    } else if (star === undefined) return false
    else {
      at = star.at + 1
      from = ++star.reach
    }
  }
  return wanted.slice(at).every((sign) => sign === "*")
}

const picture = (method: string, image: string): Effect.Effect<Uint8Array, Errors.InvalidParams> => {
  if (image.startsWith("data:")) return inline(method, image)
  if (/^https?:/iu.test(image)) return invalid(method, `images are not fetched from URLs: "${image.slice(0, 200)}"`)
  return Effect.flatMap(content(method, image), (bytes) =>
    isImage(bytes)
      ? Effect.succeed(bytes)
      : invalid(method, `the file ${image} is no image (PNG, JPEG, GIF, WebP or BMP)`)
  )
}

const content = (method: string, path: string): Effect.Effect<Uint8Array, Errors.InvalidParams> => {
  if (!isAbsolute(path)) return invalid(method, `the path "${path}" is not absolute`)
  return Effect.tryPromise({
    try: (signal) =>
      stat(path).then((found) => {
        if (!found.isFile()) throw new Error("it is not a file")
        if (found.size > largest) throw new Error(`it has ${found.size} bytes, more than the ${largest} allowed`)
        return readFile(path, { signal })
      }),
    catch: (cause) => unreadable(method, path, cause)
  })
}

const unreadable = (method: string, path: string, cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  const reason =
    code === "ENOENT"
      ? "there is no such file"
      : code === "ENOTDIR"
        ? "it is no folder"
        : cause instanceof Error
          ? cause.message
          : String(cause)
  return new Errors.InvalidParams({ method, issue: `cannot read ${path}: ${reason}` })
}

/** The base64 of a data URL; undefined when it is not one of that kind. */
const dataUrl = (url: string): string | undefined => {
  const comma = url.indexOf(",")
  return comma > 0 && url.slice(0, comma).endsWith(";base64") ? url.slice(comma + 1) : undefined
}

const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** By the first bytes: names say nothing. */
const isImage = (bytes: Uint8Array): boolean => {
  const start = Buffer.from(bytes.subarray(0, 12)).toString("latin1")
  return (
    ["\x89PNG\r\n", "\xff\xd8\xff", "GIF87a", "GIF89a"].some((sign) => start.startsWith(sign)) ||
    (start.startsWith("RIFF") && start.endsWith("WEBP")) ||
    (start.startsWith("BM") && bytes.length > 54 && start.slice(6, 10) === "\0\0\0\0")
  )
}
