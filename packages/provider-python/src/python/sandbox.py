"""What a task may still do: limits of its process, and the levels of isolation.

`rlimit` limits and promises no security. `strict` takes away every right that the task does not need: files by
Landlock, system calls by seccomp, capabilities. `ns` does that in namespaces of the task's own, with read-only mounts.
Each part is had or the task is not run. Linux on x86-64 and aarch64, by ctypes alone, as root and as anybody else.
"""

import ctypes
import errno
import os
import resource
import signal
import stat
import struct
import sys

# Standard streams, the job and the reports: see run.py.
OWN_DESCRIPTORS = 5
# Bytes of one file that is written, and of address space beyond the memory itself, at least.
LARGEST_FILE = 1 << 30
RESERVE = 512 << 20

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def levels():
    """Why a level is not to be had on this machine, by its name; None where it is. Tried, each by a child."""
    return {"none": None, "rlimit": _missing("rlimit"), "strict": _missing("strict"), "ns": _missing("ns")}


def seal(level, limits, readable, writable):
    """Takes effect in this process and all that it starts, and is not to be undone. Raises when a part cannot be had.

    At `ns` it returns, or raises, in a child: the process that called waits for that one and ends as it ends.
    limits: `memory` in bytes; `processes` is how many may be started, threads included. Without it `rlimit` does not
    limit them; at the other levels none may be started then, and threads are not counted.
    readable, writable: paths of files and folders, beside what Python itself is made of.
    """
    if level == "none":
        return
    if sys.platform != "linux":
        raise OSError(f"the level {level} is there on Linux alone")
    if level not in ("rlimit", "strict", "ns"):
        raise OSError(f"there is no level {level}")
    processes = limits.get("processes") or 0
    if level == "rlimit":
        _limit(limits.get("memory"))
        if "processes" in limits:
            _limit_processes(_tasks_of_user() + processes)
        return
    if MACHINE is None:
        raise OSError(f"system calls of this machine ({os.uname().machine}) are not known here")
    if os.getuid() == 0:
        # the kernel does not count those of root
        processes = 0
    _be_alone()
    _close_others()
    counted = 0
    if level == "ns":
        _enter_namespaces()
        # the waiting one, and this one
        counted = 2
        _mount(writable)
    elif processes > 0:
        counted = _tasks_of_user()
    _limit(limits.get("memory"))
    _lower(resource.RLIMIT_FSIZE, LARGEST_FILE)
    if processes > 0:
        _limit_processes(counted + processes)
    _prctl("to gain no privileges", PR_SET_NO_NEW_PRIVS, 1)
    _prctl("to end with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
    abi = _restrict_files(readable, writable)
    _drop_capabilities()
    # or else others of the same user may look into its memory
    _prctl("to be closed to others", PR_SET_DUMPABLE, 0)
    _filter(_program(abi, processes > 0))


# internal: limits


def _limit(memory):
    if memory is not None:
        # Of the data alone: an address space is asked for in reserve, by every thread.
        _lower(resource.RLIMIT_DATA, memory)
        _lower(resource.RLIMIT_AS, max(4 * memory, memory + RESERVE))
    _lower(resource.RLIMIT_CORE, 0)


def _limit_processes(most):
    if os.getuid() == 0:
        raise OSError("the kernel does not count the processes of root, so that they cannot be limited")
    _lower(resource.RLIMIT_NPROC, most)


def _lower(kind, value):
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))


def _tasks_of_user():
    """Processes and their threads: the kernel counts them all against the limit."""
    tasks = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                folder = os.stat(f"/proc/{name}/task")
            except OSError:
                continue
            if folder.st_uid == os.getuid():
                tasks += folder.st_nlink - 2
    return tasks


# internal: namespaces

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2


def _be_alone():
    """What follows takes effect in one thread."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError("Python has started threads of its own before the code began (a .pth file, sitecustomize)")


def _enter_namespaces():
    user, group = os.getuid(), os.getgid()
    every = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    if libc.unshare(every) != 0:
        raise _failure("namespaces cannot be made")
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError as error:
        raise OSError(f"a user namespace cannot be set up: {error}") from error
    _prctl("to end with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
    pid = os.fork()
    if pid != 0:
        _be_as(pid)
    _prctl("to end with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_as(pid):
    """Waits for the child, and ends as it ends. The kernel ends all that is in its namespace with it."""
    os.closerange(0, OWN_DESCRIPTORS)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        _lower(resource.RLIMIT_CORE, 0)
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


def _mount(writable):
    """Nothing can be written but beneath `writable`, and /proc shows this namespace alone."""
    _mounted(None, "/", None, MS_REC | MS_PRIVATE)
    try:
        _mounted("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        # a container that hides parts of its own lets nobody have another
        _mounted("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for path in writable:
        _mounted(path, path, None, MS_BIND | MS_REC)
    _mount_attributes("/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0)
    for path in writable:
        _mount_attributes(path, 0, 0, MOUNT_ATTR_RDONLY)
    try:
        # the same folder, as it is mounted by now
        os.chdir(os.getcwd())
    except OSError:
        os.chdir("/")


def _mounted(source, target, kind, flags):
    parts = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
    if libc.mount(*parts, ctypes.c_ulong(flags), None) != 0:
        raise _failure(f"{target} cannot be mounted")


def _mount_attributes(path, flags, add, remove):
    attributes = struct.pack("=QQQQ", add, remove, 0, 0)
    _call("mount_setattr", f"the mount of {path} cannot be changed", AT_FDCWD, os.fsencode(path), flags, attributes, 32)


# internal: what the process is

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_SET_MM, PR_SET_NO_NEW_PRIVS = 35, 38
CAPABILITY_VERSION_3 = 0x20080522


def _drop_capabilities():
    """Those of the process, ambient ones with them. Others are come by with a program, and none can be executed."""
    none = bytes(2 * 3 * 4)
    _call("capset", "capabilities cannot be dropped", struct.pack("=Ii", CAPABILITY_VERSION_3, 0), none)


def _close_others():
    try:
        _call("close_range", "files cannot be closed", OWN_DESCRIPTORS, 0xFFFFFFFF, 0)
    except OSError:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.closerange(OWN_DESCRIPTORS, min(soft, 1 << 20))


def _prctl(purpose, option, value):
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise _failure(f"the process cannot be made {purpose}")


# internal: files, by Landlock

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
# What a file that is no folder can be given.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
# All that an ABI knows of files: 13 rights at first, then one with each of 2, 3 and 5.
RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
# Connecting and binding over TCP (ABI 4); abstract sockets of others, and signals to them (ABI 6).
NETWORK, SCOPES = 0b11, 0b11
CREATE_RULESET_VERSION, RULE_PATH_BENEATH = 1, 1

SYSTEM = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/share",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/share",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
)
DEVICES = ("/dev/null", "/dev/full")


def _readable():
    """What the system and Python itself are made of, and all that Python imports from. None is within another."""
    paths = [*SYSTEM, *(path for path in sys.path if os.path.isabs(path) and path != os.path.dirname(__file__))]
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        paths += [os.path.join(prefix, name) for name in ("lib", "lib64", "pyvenv.cfg")]
    outermost = []
    for path in sorted({os.path.realpath(path) for path in paths if os.path.exists(path)}):
        if not outermost or not path.startswith(outermost[-1].rstrip("/") + "/"):
            outermost.append(path)
    return outermost


# Looked for once, by the interpreter that tasks are copies of.
READABLE = _readable()


def _restrict_files(readable, writable):
    """Returns the version of Landlock."""
    refused = "Landlock, of Linux 5.13 and newer, is not to be had"
    abi = _call("landlock_create_ruleset", refused, None, 0, CREATE_RULESET_VERSION)
    all_rights = RIGHTS[min(abi, 5)]
    fields = [all_rights, *([NETWORK] if abi >= 4 else []), *([SCOPES] if abi >= 6 else [])]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _call("landlock_create_ruleset", refused, attributes, len(attributes), 0)

    def allow(path, rights, needed):
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            if needed:
                raise OSError(f"{path} cannot be made writable: {error.strerror}") from error
            return
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights & all_rights, descriptor)
        _call("landlock_add_rule", f"{path} cannot be allowed", ruleset, RULE_PATH_BENEATH, rule, 0)
        os.close(descriptor)

    for path in (*READABLE, *readable):
        allow(path, READ, False)
    for path in DEVICES:
        allow(path, READ_FILE | WRITE_FILE | TRUNCATE, False)
    for path in writable:
        allow(path, READ | WRITE, True)
    _call("landlock_restrict_self", refused, ruleset, 0)
    os.close(ruleset)
    return abi


# internal: system calls, by seccomp

# On x86-64 and on aarch64; None where there is no such call. Calls of the second group are refused whatever they ask.
CALLS = {
    "capset": (126, 91),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "fcntl": (72, 25),
    "fork": (57, None),
    "ioctl": (16, 29),
    "kill": (62, 129),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
    "socketpair": (53, 199),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "truncate": (76, 45),
    "vfork": (58, None),
}
REFUSED = {
    # programs, and memory that is made into one
    "execve": (59, 221),
    "execveat": (322, 281),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "uselib": (134, None),
    # the network, sockets of other programs among it; pairs that stay together are left
    "socket": (41, 198),
    # other processes
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "ioprio_set": (251, 30),
    # what Landlock lets pass: modes, owners, times and attributes of files, and watching them
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "lchown": (94, None),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    # files without a path
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mknod": (133, None),
    "mknodat": (259, 33),
    # memory that outlives the process, and is not counted as its own; what others have of it has small numbers
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "semget": (64, 190),
    "semctl": (66, 191),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    # mounts and namespaces
    "chroot": (161, 51),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "listmount": (458, 458),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "pivot_root": (155, 41),
    "setns": (308, 268),
    "statmount": (457, 457),
    "umount2": (166, 39),
    "unshare": (272, 97),
    # parts of the kernel that a task has no use for
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "io_setup": (206, 0),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, None),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "userfaultfd": (323, 282),
    # the machine
    "acct": (163, 89),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "vhangup": (153, 58),
}
# What came later than mseal is not known here, and not there for a task.
FIRST_UNKNOWN = 463
# x32, another way into x86-64
X32 = 0x40000000

MACHINE = {"x86_64": 0, "aarch64": 1}.get(os.uname().machine) if sys.maxsize > 1 << 32 and os.name == "posix" else None
AUDIT_ARCH = (0xC000003E, 0xC00000B7)
NUMBERS = {} if MACHINE is None else {name: numbers[MACHINE] for name, numbers in {**CALLS, **REFUSED}.items()}

# The programs of linux/filter.h, and what they answer.
LOAD, AND, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
ALLOW, ERROR, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
# Where struct seccomp_data has the number, the architecture and the low halves of the arguments.
NUMBER, ARCHITECTURE = 0, 4
ARGUMENTS = [16 + 8 * index for index in range(6)]
SECCOMP_MODE_FILTER = 2

# What ioctl may ask of a descriptor: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2. No TIOCSTI.
HARMLESS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
CLONE_PTRACE, CLONE_PARENT, CLONE_THREAD, CLONE_NEWCGROUP = 0x2000, 0x8000, 0x10000, 0x02000000
# No process and no thread may ask for these.
NEVER = (
    CLONE_PTRACE
    | CLONE_PARENT
    | CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET
)
PRIO_PROCESS = 0
AF_UNIX, SOCK_STREAM, SOCK_SEQPACKET, SOCK_TYPE_MASK = 1, 1, 5, 0xF
F_SETOWN, F_SETOWN_EX = 8, 15


def _step(code, value, then=0, otherwise=0):
    return struct.pack("=HBBI", code, then, otherwise, value)


def _of(name, *steps):
    """The steps for one call, after which its number is there again for the next."""
    number = NUMBERS[name]
    if number is None:
        return []
    return [_step(EQUAL, number, 0, len(steps) + 1), *steps, _step(LOAD, NUMBER)]


def _unless(name, index, values):
    """Refused unless an argument, of 32 bits, is one of the values."""
    tests = [_step(EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return _of(name, _step(LOAD, ARGUMENTS[index]), *tests, REFUSE)


def _refusals():
    """What is decided by the number alone. In order, so that most calls are through after a few steps."""
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, AUDIT_ARCH[MACHINE], 1, 0),
        _step(RETURN, KILL_PROCESS),
        _step(LOAD, NUMBER),
        *((_step(AT_LEAST, X32, 0, 1), _step(RETURN, KILL_PROCESS)) if MACHINE == 0 else ()),
        _step(AT_LEAST, FIRST_UNKNOWN, 0, 1),
        ABSENT,
    ]
    ranges = []
    for number in sorted(NUMBERS[name] for name in REFUSED if NUMBERS[name] is not None):
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] = number + 1
        else:
            ranges.append([number, number + 1])
    for at, (first, end) in enumerate(ranges):
        after = 3 * (len(ranges) - at) - 1
        steps += [_step(AT_LEAST, first, 0, after), _step(AT_LEAST, end, 1, 0), REFUSE]
    return b"".join(steps)


REFUSE, ABSENT = _step(RETURN, ERROR | errno.EPERM), _step(RETURN, ERROR | errno.ENOSYS)
REFUSALS = b"" if MACHINE is None else _refusals()


def _program(abi, forks):
    """What happens to a call. `abi`: what older versions of Landlock let pass is refused here."""
    own = os.getpid()
    steps = [REFUSALS]
    # its flags are out of sight, and the C library then takes clone
    steps += _of("clone3", ABSENT)
    flags = _step(LOAD, ARGUMENTS[0])
    if forks:
        steps += _of("clone", flags, _step(ANY_BIT, NEVER, 0, 1), REFUSE)
    else:
        threads = (_step(ANY_BIT, NEVER, 1, 0), _step(ANY_BIT, CLONE_THREAD, 1, 0))
        steps += _of("fork", REFUSE) + _of("vfork", REFUSE) + _of("clone", flags, *threads, REFUSE)
    steps += _unless("ioctl", 1, HARMLESS)
    # one of datagrams can leave its pair, for any socket file that it can name
    family, kind = _step(LOAD, ARGUMENTS[0]), (_step(LOAD, ARGUMENTS[1]), _step(AND, SOCK_TYPE_MASK))
    paired = (_step(EQUAL, SOCK_STREAM, 2, 0), _step(EQUAL, SOCK_SEQPACKET, 1, 0))
    steps += _of("socketpair", family, _step(EQUAL, AF_UNIX, 1, 0), REFUSE, *kind, *paired, REFUSE)
    # of oneself alone: limits, the place in the queue
    for name in ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"):
        steps += _unless(name, 0, (0, own))
    steps += _unless("setpriority", 0, (PRIO_PROCESS,)) + _unless("setpriority", 1, (0, own))
    # it stays bound to the life of its parent
    for option in (PR_SET_PDEATHSIG, PR_SET_MM):
        steps += _of("prctl", _step(LOAD, ARGUMENTS[0]), _step(EQUAL, option, 0, 1), REFUSE)
    if abi < 3:
        steps += _of("truncate", REFUSE) + _of("openat2", ABSENT)
        for name, flags in (("open", 1), ("openat", 2)):
            reading = os.O_ACCMODE | os.O_TRUNC
            truncating = (_step(LOAD, ARGUMENTS[flags]), _step(AND, reading), _step(EQUAL, os.O_TRUNC, 0, 1), REFUSE)
            steps += _of(name, *truncating)
    if abi < 6:
        steps += _of("tkill", REFUSE)
        for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            steps += _unless(name, 0, (own,))
        # or else the kernel sends them in its name
        owning = (_step(EQUAL, F_SETOWN, 1, 0), _step(EQUAL, F_SETOWN_EX, 0, 1))
        steps += _of("fcntl", _step(LOAD, ARGUMENTS[1]), *owning, REFUSE)
    return b"".join(steps) + _step(RETURN, ALLOW)


class Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h"""

    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def _filter(steps):
    program = Program(len(steps) // 8, steps)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise _failure("system calls cannot be filtered (seccomp)")


# internal


def _call(name, what, *arguments):
    """A system call that the C library may not know."""
    given = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    answer = libc.syscall(ctypes.c_long(NUMBERS[name]), *given)
    if answer < 0:
        raise _failure(what)
    return answer


def _failure(what):
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def _missing(level):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, OWN_DESCRIPTORS - 1)
        try:
            seal(level, {}, [], [])
            said = b"sealed"
        except BaseException as error:
            said = str(error).encode("utf-8", "replace")
        os.write(OWN_DESCRIPTORS - 1, said)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    os.waitpid(pid, 0)
    return None if said == "sealed" else said or "it ends the process"
