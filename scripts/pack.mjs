// Packs every public package, and looks at each as npm would get it: publint for its shape, attw for its types, and npm
// itself, which says whether it would publish it.
import { each, pack, packages, run, tarball } from "./packed.mjs"

await pack()
const failures = await each(packages, 2, async ({ exports, name }) => {
  const found = []
  const look = (command, args) => run(command, args).catch(({ message }) => found.push(message))
  await look("publint", ["run", tarball(name), "--strict"])
  if (exports !== undefined) await look("attw", [tarball(name), "--profile", "esm-only"])
  await look("npm", ["publish", tarball(name), "--dry-run", "--access", "public", "--loglevel", "error"])
  return found
})
for (const message of failures.flat()) console.log(message)
if (failures.flat().length > 0) process.exitCode = 1
