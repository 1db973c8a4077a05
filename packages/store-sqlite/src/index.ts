/** The door of `@gleitzeit/store-sqlite`. */
export * as Owner from "./Owner.ts"
export * as SqliteStore from "./SqliteStore.ts"
