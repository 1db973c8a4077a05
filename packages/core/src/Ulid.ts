/**
 * Sortable ids: 48 bits of time, 80 of chance, 26 signs of Crockford's base 32.
 *
 * @see https://github.com/ulid/spec
 */

/** `time` in milliseconds since 1970. */
export const ulid = (time: number): string => {
  if (used + 16 > pool.length) {
    globalThis.crypto.getRandomValues(pool)
    used = 0
  }
  let id = ""
  for (let i = 0, rest = time; i < 10; i++, rest = Math.floor(rest / 32)) id = signs[rest % 32]! + id
  for (let i = 0; i < 16; i++) id += signs[pool[used++]! & 31]!
  return id
}

// internal

const signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const pool = new Uint8Array(4096)
let used = pool.length
