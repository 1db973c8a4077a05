/** JSON with comments and commas at the end of lists, as editors write it, made into plain JSON. */

/** Of the same length, with the same lines: what is said of a place in one holds for the other. */
export const plain = (text: string): string => {
  const signs = text.replace(/^\uFEFF/, " ")
  const bare = signs.replaceAll(/"(?:[^"\\\n]|\\.)*"?|\/\/[^\n]*|\/\*[^]*?\*\//g, (found) =>
    found.startsWith('"') ? found : blank(found)
  )
  return bare.replaceAll(/"(?:[^"\\\n]|\\.)*"?|,(?=\s*[\]}])/g, (found) => (found === "," ? " " : found))
}

// internal

const blank = (text: string): string => text.replaceAll(/[^\r\n]/g, " ")
