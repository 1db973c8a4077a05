"""A warm interpreter that forks a child for each task, so that a task does not pay for the start of Python.

Commands come as frames on file descriptor 3, events go as frames to 4: four bytes of length, then JSON. What a task is
given and what it says never passes through here: each child connects to a socket by itself. One thread and no secrets,
as every child begins as a copy of this process.
"""

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys

import run

COMMANDS, EVENTS = 3, 4
# prctl(2)
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
# What tasks may need: loaded while nothing else is to be done, and from then on a child has it for nothing.
LATER = ("template", "sandbox", "traceback", "asyncio", "datetime", "decimal", "collections", "re", "random")
# Rounds in which processes that a task has left behind are looked for.
ROUNDS = 100

libc = ctypes.CDLL(None, use_errno=True)


def main():
    # the task's arguments are its own
    sys.argv = [""]
    libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for descriptor in (COMMANDS, EVENTS):
        os.set_inheritable(descriptor, False)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # a terminal's Ctrl-C is for the program that started this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settle()
    send("Ready")
    finish(Zygote(woken).serve())


class Zygote:
    def __init__(self, woken):
        self.woken = woken
        self.pids = {}  # by the task's number
        self.numbers = {}  # by pid

    def serve(self):
        """Until the other side is gone. In a child it returns what is to be run."""
        rest = b""
        later = list(LATER)
        while True:
            ready, _, _ = select.select([COMMANDS, self.woken], [], [], 0.02 if later else None)
            if not ready:
                __import__(later.pop(0))
                settle()
                continue
            if self.woken in ready:
                drain(self.woken)
                self.reap()
            if COMMANDS not in ready:
                continue
            data = os.read(COMMANDS, 65536)
            if not data:
                for pid in self.numbers:
                    kill(pid)
                os._exit(0)
            rest += data
            while len(rest) >= 4 and len(rest) >= 4 + int.from_bytes(rest[:4], "big"):
                end = 4 + int.from_bytes(rest[:4], "big")
                command, rest = json.loads(rest[4:end].decode("utf-8")), rest[end:]
                child = self.obey(command)
                if child is not None:
                    return child

    def obey(self, command):
        number = command["task"]
        if command["_tag"] == "Kill":
            if number in self.pids:
                kill(self.pids[number])
            return None
        try:
            pid = os.fork()
        except OSError as error:
            send("NotForked", task=number, reason=os.strerror(error.errno))
            return None
        if pid == 0:
            return lambda: live(command)
        self.pids[number] = pid
        self.numbers[pid] = number
        return None

    def reap(self):
        ended = []
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            number = self.numbers.pop(pid, None)
            if number is None:
                continue
            self.pids.pop(number, None)
            # what it started and what stayed in its group; the process itself is no more
            kill_group(pid)
            ended.append((number, status, usage))
        if ended:
            self.sweep()
        for number, status, usage in ended:
            how = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"code": os.WEXITSTATUS(status)}
            send("Exited", task=number, rss=usage.ru_maxrss, **how)

    def sweep(self):
        """A task's processes stay below it while it lives; those that come here have lost it."""
        for _ in range(ROUNDS):
            lost = [pid for pid in children() if pid not in self.numbers]
            if not lost:
                return
            for pid in lost:
                kill(pid)
            for pid in lost:
                try:
                    os.waitpid(pid, 0)
                except ChildProcessError:
                    pass


def settle():
    """The collector leaves alone what is shared with the children, else it would copy it page by page."""
    gc.collect()
    gc.freeze()


def live(command):
    """The child: what it is given becomes its standard streams and its channel, and the rest is as in any process."""
    os.setsid()
    libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    said = command["socket"], command["token"]
    given = {1: connect(*said, "Stdout"), 2: connect(*said, "Stderr"), 3: connect(*said, "Channel")}
    given[0] = connect(*said, "Stdin") if command["stdin"] else os.open(os.devnull, os.O_RDONLY)
    # above all that are about to be taken
    held = {number: moved(descriptor) for number, descriptor in given.items()}
    for number, descriptor in held.items():
        os.dup2(descriptor, number)
    os.dup2(held[3], 4)
    os.closerange(5, 256)
    os.environ.clear()
    os.environ.update(command["env"])
    if "TZ" in command["env"]:
        import time

        time.tzset()
    if command["cwd"] is not None:
        os.chdir(command["cwd"])
    run.main(forked=True)


def finish(child):
    """As the interpreter ends: threads are waited for, what is registered is called. Without taking it all apart."""
    code = 70
    try:
        child()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    try:
        import atexit

        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(code & 0xFF)


# internal


def connect(path, token, kind):
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(path)
    channel.sendall(f"{token} {kind}\n".encode())
    return channel.detach()


def moved(descriptor):
    import fcntl

    above = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return above


def kill(pid):
    kill_group(pid)
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


def children():
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def drain(descriptor):
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        pass


def send(tag, **fields):
    data = json.dumps({"_tag": tag, **fields}).encode()
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(EVENTS, view) :]
