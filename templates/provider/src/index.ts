/** The door of this package. */
export * as GreetProvider from "./GreetProvider.ts"
export { plugin as default } from "./GreetProvider.ts"
export { GreetV1 } from "./GreetV1.ts"
