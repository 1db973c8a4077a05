import { cpSync } from "node:fs"
import { library } from "../../tsup.base.ts"

export default {
  ...library,
  // what is no module: found beside the modules as ./assets/python/*.py
  onSuccess: async () =>
    cpSync("src/python", "dist/assets/python", {
      recursive: true,
      filter: (path: string) => !path.includes("__pycache__")
    })
}
