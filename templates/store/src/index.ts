/** The door of this package. */
export * as LedgerStore from "./LedgerStore.ts"
export { plugin as default } from "./LedgerStore.ts"
