/** The door of `@gleitzeit/testkit`. */
export * as FlakyStore from "./FlakyStore.ts"
export * as StoreSample from "./StoreSample.ts"
export * as StoreTest from "./StoreTest.ts"
