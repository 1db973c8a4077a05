/** The door of `@gleitzeit/provider-remote`. */
export * as Registry from "./Registry.ts"
export * as RemoteProvider from "./RemoteProvider.ts"
export { plugin as default } from "./RemotePlugin.ts"
