/** The door of `@gleitzeit/provider-python`. */
export * as PythonProvider from "./PythonProvider.ts"
export { plugin as default } from "./PythonPlugin.ts"
