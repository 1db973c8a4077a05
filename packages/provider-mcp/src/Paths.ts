/** Paths as configurations write them. */
import { resolve } from "node:path"

/** `~` is the user's folder. */
export const absolute = (path: string, folder: string, home: string): string =>
  /^~(?=$|[/\\])/.test(path) ? resolve(home, `.${path.slice(1)}`) : resolve(folder, path)

/** A path, and not a name that is looked for on the PATH. */
export const isPath = (command: string): boolean => /[/\\]|^~$/.test(command)
