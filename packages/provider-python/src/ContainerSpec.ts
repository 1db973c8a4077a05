/** What a container may be and do, as the Docker API takes it. Pure. */
import type { Schema } from "effect"

/** The engine's, on all that a task consists of together. */
export interface Limits {
  /** Bytes, without swap; 32 MiB more are the container's own. */
  readonly memory: number
  /** Of the machine's processors, such as 0.5. */
  readonly cpus: number
  /** Processes and threads that a task may start. */
  readonly processes: number
  /** Bytes of `/tmp`, which count as memory. */
  readonly scratch: number
}

export interface Spec extends Limits {
  readonly image: string
  /** Python in the image: a path, or a name on its PATH. */
  readonly python: string
  /** The folder of `zygote.py`. */
  readonly sources: string
  /** Folders of this machine that are there under the same path, to be read. */
  readonly readable: ReadonlyArray<string>
}

/** What changes with each. */
export interface Occasion {
  /** The socket that tasks connect to, on this machine. */
  readonly socket: string
  readonly token: string
  readonly labels: { readonly [name: string]: string }
}

/** All that a task may write to. */
export const scratchFolder = "/tmp"

export const body = (spec: Spec, { labels, socket, token }: Occasion): Schema.JsonObject => ({
  Image: spec.image,
  Entrypoint: [spec.python, "-B", "-X", "utf8", "-c", boot, sourcesInside, socketInside, token],
  Cmd: [],
  Env: Object.entries(homes).map(([name, value]) => `${name}=${value}`),
  User: nobody,
  WorkingDir: scratchFolder,
  Labels: { ...labels },
  Healthcheck: { Test: ["NONE"] },
  HostConfig: {
    // what is not there is an error, unlike with `Binds`
    Mounts: [
      shared(socket, socketInside),
      shared(spec.sources, sourcesInside),
      ...spec.readable.map((folder) => shared(folder, folder))
    ],
    Memory: spec.memory + own.memory,
    MemorySwap: spec.memory + own.memory,
    NanoCpus: Math.round(spec.cpus * 1e9),
    PidsLimit: spec.processes + own.processes,
    // of its own: an engine's default may be more than it may give
    Ulimits: Object.entries(ulimits).map(([Name, most]) => ({ Name, Soft: most, Hard: most })),
    NetworkMode: "none",
    IpcMode: "none",
    ReadonlyRootfs: true,
    Tmpfs: {
      [scratchFolder]: `rw,nosuid,nodev,noexec,size=${spec.scratch},mode=1777`,
      // which podman lets be written to otherwise
      "/var/tmp": "ro,nosuid,nodev,noexec,size=4k,mode=755"
    },
    CapDrop: ["ALL"],
    // without the last a machine with SELinux refuses the connection to the socket
    SecurityOpt: ["no-new-privileges", "label=disable"],
    Privileged: false,
    // the zygote is to be the first process: its end is the end of all
    Init: false,
    RestartPolicy: { Name: "no" },
    LogConfig: { Type: "json-file", Config: { "max-size": "1m" } }
  }
})

/** The environment of a task: the image's, its own, and folders that are there. */
export const environment = (
  image: { readonly [name: string]: string },
  own: { readonly [name: string]: string }
): { readonly [name: string]: string } => ({ ...image, ...homes, ...own })

/** Why a folder cannot be shared with a container; undefined when it can. */
export const unshareable = (folder: string): string | undefined => {
  const refused = (why: string) => `the folder ${folder} cannot be shared with a container: ${why}`
  const hidden = [...mounted, ...closed].find((path) => isWithin(path, folder))
  if (hidden !== undefined) return refused(`the container's own ${hidden} would be hidden by it`)
  const outer = closed.find((path) => isWithin(folder, path))
  if (outer !== undefined) return refused(`${outer} is the container's own`)
  return programs.has(folder) ? refused("it would take the place of the image's own programs") : undefined
}

/** Whether it is the name of an image, such as `python:3.13-slim`, and nothing else. */
export const isImage = (text: string): boolean => /^[\w][\w.:@/-]*$/.test(text) && !/\.\.|\/\/|\/$/.test(text)

// internal

const shared = (Source: string, Target: string) => ({ Type: "bind", Source, Target, ReadOnly: true })

const nobody = "65534:65534"

const socketInside = "/run/gleitzeit/tasks"
const sourcesInside = "/opt/gleitzeit"

/** Where the container has something of its own: to be written to, and closed to others. */
const mounted = [scratchFolder, "/var/tmp"]
const closed = ["/run/gleitzeit", sourcesInside, "/proc", "/sys", "/dev"]

const programs: ReadonlySet<string> = new Set(
  "/bin /etc /lib /lib64 /sbin /usr /usr/bin /usr/lib /usr/local /usr/local/bin /usr/local/lib".split(" ")
)

const isWithin = (path: string, folder: string): boolean =>
  path === folder || folder === "/" || path.startsWith(`${folder}/`)

/** What the zygote needs, and the process that is the task. */
const own = { memory: 32 * 1024 ** 2, processes: 2 } as const

const homes = { HOME: scratchFolder, TMPDIR: scratchFolder } as const

/** Open files; processes, which the kernel counts over all containers of the user; bytes of a core. */
const ulimits = { nofile: 1024, nproc: 4096, core: 0 } as const

const boot = "import sys; sys.path[0] = sys.argv[1]; import container; container.main()"
