/** The door of `@gleitzeit/testkit`. */
export * as Arbitraries from "./Arbitraries.ts"
export * as Engine from "./Engine.ts"
export * as ExecutorTest from "./ExecutorTest.ts"
export * as FlakyStore from "./FlakyStore.ts"
export * as ScriptedProvider from "./ScriptedProvider.ts"
export * as StoreSample from "./StoreSample.ts"
export * as StoreTest from "./StoreTest.ts"
