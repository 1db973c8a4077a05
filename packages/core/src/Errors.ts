/** Everything that can go wrong, as data. Each error carries its number, the number's name, and whether to try again. */
export * from "./ProviderErrors.ts"
export * from "./StoreErrors.ts"
export * from "./SystemErrors.ts"
export * from "./TaskErrors.ts"
export * from "./WorkflowErrors.ts"
