/** The version of this package, as a constant: core reads no files. `npm run versions` writes it. */
export const version = "0.0.0"
