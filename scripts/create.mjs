// What a stranger does with the packed packages, in folders outside of the workspace, with npm and nothing else: puts an
// engine together from three of them; makes a provider and a store, tests and runs them. Prints times and sizes.
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { homedir, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { packages, run, tarball } from "./packed.mjs"

const most = { seconds: 60 }
const place = mkdtempSync(join(tmpdir(), "gleitzeit-create-"))
mkdirSync(join(place, "bin"))
symlinkSync(process.execPath, join(place, "bin", "node"))

// nothing of the workspace's or of whoever runs this: neither programs nor settings, but for those of npm
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:GLEITZEIT|NODE_(?:COMPILE_CACHE|OPTIONS|PATH)|OLLAMA|VITEST)/.test(name)
    )
  ),
  PATH: [join(place, "bin"), ...process.env.PATH.split(delimiter).filter((path) => !/node_modules/.test(path))].join(
    delimiter
  ),
  HOME: place,
  XDG_CONFIG_HOME: join(place, "config"),
  XDG_DATA_HOME: join(place, "data"),
  npm_config_cache: process.env.npm_config_cache ?? join(homedir(), ".npm"),
  npm_config_userconfig: process.env.npm_config_userconfig ?? join(homedir(), ".npmrc"),
  npm_config_loglevel: "error",
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_prefer_offline: "true",
  NO_COLOR: "1"
}

const expect = (what, holds, seen) => {
  if (!holds) throw new Error(`expected ${what}, seen: ${seen}`)
}

const json = (...path) => JSON.parse(readFileSync(join(...path), "utf8"))

const sizeOf = (path) =>
  readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => {
    const file = join(path, entry.name)
    return sum + (entry.isDirectory() ? sizeOf(file) : lstatSync(file).size)
  }, 0)

/** An empty folder, and commands in it. */
const folder = (name) => {
  const path = join(place, name)
  mkdirSync(path)
  return { path, in: (command, ...args) => run(command, args, { cwd: path, env }) }
}

/** Core, a store and a provider: an engine of three layers, and nothing of the other packages. */
const compose = async () => {
  const { in: npm, path } = folder("compose")
  writeFileSync(join(path, "package.json"), `{ "type": "module" }`)
  const ours = ["@gleitzeit/core", "@gleitzeit/store-sqlite", "@gleitzeit/provider-python"]
  const { effect } = json("packages/core/package.json").peerDependencies
  await npm("npm", "install", ...ours.map(tarball), `effect@${effect}`)
  const lock = json(path, "package-lock.json").packages
  const installed = Object.keys(lock).flatMap((at) => (at === "" ? [] : [at.replace(/^.*node_modules\//, "")]))
  const others = packages.map(({ name }) => name).filter((name) => !ours.includes(name) && installed.includes(name))
  expect("none of the other packages", others.length === 0, others.join(", "))
  writeFileSync(
    join(path, "count.yaml"),
    `name: Count
tasks:
  - { id: words, method: data/value, params: { text: one two three } }
  - { id: count, method: python/execute, params: { code: 'result = len("\${words.text}".split())' } }
outputs: { count: "\${count.result}" }
`
  )
  writeFileSync(
    join(path, "run.mjs"),
    `import { BuiltIn, Executor, Files, Gleitzeit, Providers, Secrets } from "@gleitzeit/core"
import { PythonProvider } from "@gleitzeit/provider-python"
import { SqliteStore } from "@gleitzeit/store-sqlite"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"

const Engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide(Layer.mergeAll(PythonProvider.layer(), BuiltIn.layer)),
  Layer.provide(Layer.mergeAll(Providers.layer, Secrets.layer, Files.layer())),
  Layer.provide(SqliteStore.layer({ filename: "runs.db" }))
)

const program = Effect.gen(function* () {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const text = readFileSync("count.yaml", "utf8")
  const { workflow } = yield* gleitzeit.check({ text, file: "count.yaml" })
  const { outputs, status } = yield* gleitzeit.run(workflow)
  console.log(JSON.stringify({ outputs, status }))
})

await Effect.runPromise(Effect.provide(program, Engine))
`
  )
  const { stdout } = await npm("node", "run.mjs")
  expect("a completed run", stdout.trim() === `{"outputs":{"count":3},"status":"completed"}`, stdout)
  return { lock, path }
}

/** Makes a package with the packed scaffold, and does with it what its README says. `beside`: one that needs the same. */
const scaffold = async (home, kind, name, look, beside) => {
  const began = performance.now()
  const args = [name, "--template", kind, "--no-install", "--no-git", "--json"]
  const made = JSON.parse((await home.in("npx", "create-gleitzeit-provider", ...args)).stdout)
  expect(`a ${kind}`, made.template === kind && made.next.length === 4, JSON.stringify(made))
  const path = made.folder
  const here = (command, ...args) => run(command, args, { cwd: path, env })

  // what would come from the registry once it is published comes from the tarballs
  const manifest = json(path, "package.json")
  for (const dependencies of [manifest.dependencies, manifest.devDependencies]) {
    for (const one of Object.keys(dependencies)) {
      if (packages.some((ours) => ours.name === one)) dependencies[one] = `file:${tarball(one)}`
    }
  }
  writeFileSync(join(path, "package.json"), JSON.stringify(manifest, null, 2))
  const needs = JSON.stringify([manifest.dependencies, manifest.devDependencies])
  const steps = {}
  if (beside === undefined) steps.install = (await here("npm", "install")).seconds
  else {
    expect(`the dependencies of the ${beside.kind}`, needs === beside.needs, needs)
    symlinkSync(join(beside.path, "node_modules"), join(path, "node_modules"), "junction")
  }
  const test = await here("npm", "test")
  expect("tests", /Tests +\d+ passed/.test(test.stdout), test.stdout)
  const started = await here("npx", "gleitzeit", "run", "workflow.yaml")
  look.run(started.stdout)
  Object.assign(steps, { test: test.seconds, run: started.seconds })
  const seconds = (performance.now() - began) / 1000
  const parts = Object.entries(steps).map(([step, took]) => `${step} ${took.toFixed(1)} s`)
  console.log(`${kind}: scaffold, test and run in ${seconds.toFixed(1)} s (${parts.join(", ")})`)
  expect(`less than ${most.seconds} s`, seconds < most.seconds, `${seconds.toFixed(1)} s`)

  await here("npm", "run", "check")
  await here("npm", "run", "build")
  await look.built(here, path)
  return { kind, needs, path }
}

/** All packages that these need, and those that they need; what one expects beside itself is not its own. */
const dependenciesOf = (lock, dependencies) => {
  const found = new Set()
  const visit = (names) => {
    for (const name of names.filter((one) => !found.has(one))) {
      found.add(name)
      visit(Object.keys(lock[`node_modules/${name}`]?.dependencies ?? {}))
    }
  }
  visit(Object.keys(dependencies))
  return [...found]
}

const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`

try {
  const { lock, path } = await compose()

  // for those who start it, the scaffold is a package as any other
  const home = folder("home")
  writeFileSync(join(home.path, "package.json"), "{}")
  await home.in("npm", "install", tarball("create-gleitzeit-provider"))
  const provider = await scaffold(home, "provider", "weather", {
    run: (stdout) => expect("the output of the workflow", stdout.includes("Hello, Ada!"), stdout),
    built: async (here, path) => {
      // two copies of effect: the command line's is in its bundle, the plug-in's beside the plug-in
      const { dependencies, peerDependencies } = json(path, "node_modules/gleitzeit/package.json")
      expect(
        "a command line without dependencies",
        dependencies === undefined && peerDependencies === undefined,
        "some"
      )
      expect("an effect of the plug-in's own", json(path, "node_modules/effect/package.json").name === "effect", "none")
      // as whoever installs it from npm has it: by its name, from JavaScript
      writeFileSync(
        join(path, "built.yaml"),
        "providers:\n  weather: { use: gleitzeit-provider-weather, options: { words: { en: Hi } } }\n"
      )
      const { stdout } = await here("npx", "gleitzeit", "run", "workflow.yaml", "--config", "built.yaml")
      expect("the same of the built package", stdout.includes("Hi, Ada!"), stdout)
    }
  })
  const tape = {
    run: (stdout) => expect("the output of the workflow", stdout.includes("7 words"), stdout),
    built: async (here, path) => {
      expect("a file of the store's", readFileSync(join(path, "runs.tape"), "utf8").startsWith("#1\n"), "another")
      const { stdout } = await here("npx", "gleitzeit", "ls", "--json")
      expect("the run in the store", JSON.parse(stdout).runs.length === 1, stdout)
    }
  }
  await scaffold(home, "store", "tape", tape, provider)

  const locked = json(provider.path, "package-lock.json").packages
  for (const { dependencies = {}, name } of packages) {
    const own = { ...locked, ...lock }[`node_modules/${name}`]?.dependencies ?? dependencies
    const all = dependenciesOf({ ...locked, ...lock }, own)
    const packed = kilobytes(lstatSync(tarball(name)).size)
    console.log(`${name}: ${packed} packed, dependencies ${Object.keys(own).length}, with theirs ${all.length}`)
  }
  const core = ["@gleitzeit/core", ...dependenciesOf(lock, lock["node_modules/@gleitzeit/core"].dependencies)]
  const [alone = 0, ...others] = core.map((name) => sizeOf(join(path, "node_modules", name)))
  const total = others.reduce((sum, size) => sum + size, alone)
  console.log(`core installed: ${kilobytes(alone)}, ${kilobytes(total)} with its dependencies; effect comes beside it`)
} finally {
  rmSync(place, { recursive: true, force: true })
}
