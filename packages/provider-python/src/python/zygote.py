"""A warm interpreter that forks a child for each task, so that a task does not pay for the start of Python.

It connects to a socket of the program that runs tasks. Commands come there as frames, and events go back: four bytes of
length, then JSON. What a task is given and what it says never passes through here: each child connects by itself. One
thread and no secrets, as every child begins as a copy of this process.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time

import run

# prctl(2)
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
# What tasks may need: loaded while nothing else is to be done, and from then on a child has it for nothing.
LATER = (
    "template",
    "traceback",
    "math",
    "re",
    "collections",
    "datetime",
    "random",
    "asyncio",
    "csv",
    "statistics",
    "textwrap",
    "urllib.parse",
)
# Seconds of quiet before the next of them.
QUIET = 0.02
# Rounds in which processes that a task has left behind are looked for.
ROUNDS = 100

libc = ctypes.CDLL(None, use_errno=True)


def main():
    """sys.argv: the folder of this file, the socket, and the token that is good for it once."""
    _, _, place, token = sys.argv
    # the task's arguments are its own
    sys.argv = [""]
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # a terminal's Ctrl-C is for the program that started this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote(place, connect(place, token, "Control"), woken)
    settle()
    zygote.send("Ready")
    load("sandbox")
    finish(zygote.serve())


class Zygote:
    def __init__(self, place, control, woken):
        self.place = place
        self.control = control
        self.woken = woken
        self.pid = os.getpid()
        self.pids = {}  # by the task's number
        self.tasks = {}  # their numbers by pid
        self.scratches = {}  # folders by the task's number

    def serve(self):
        """Until the other side is gone. In a child it returns what is to be run."""
        rest = b""
        later = list(LATER)
        while True:
            ready, _, _ = select.select([self.control, self.woken], [], [], QUIET if later else None)
            if not ready:
                load(later.pop(0))
                continue
            if self.woken in ready:
                drain(self.woken)
                self.reap()
            if self.control not in ready:
                continue
            try:
                data = os.read(self.control, 65536)
            except OSError:
                data = b""
            if not data:
                self.leave()
            rest += data
            while len(rest) >= 4 and len(rest) >= 4 + int.from_bytes(rest[:4], "big"):
                end = 4 + int.from_bytes(rest[:4], "big")
                command, rest = json.loads(rest[4:end].decode("utf-8")), rest[end:]
                child = self.obey(command)
                if child is not None:
                    return child

    def obey(self, command):
        kind = command["_tag"]
        if kind == "Ping":
            self.send("Pong")
        elif kind == "Kill":
            if command["task"] in self.pids:
                kill(self.pids[command["task"]])
        elif kind == "Holds":
            if command["task"] in self.pids:
                self.scratches[command["task"]] = command["scratch"]
        else:
            # of the child alone: the next one begins as a copy of this process
            token = command.pop("token")
            try:
                pid = os.fork()
            except OSError as error:
                self.send("NotForked", task=command["task"], reason=os.strerror(error.errno))
                return None
            if pid == 0:
                return lambda: live(self.place, token, self.pid)
            self.pids[command["task"]] = pid
            self.tasks[pid] = command["task"]
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
            number = self.tasks.pop(pid, None)
            if number is None:
                continue
            self.pids.pop(number, None)
            self.scratches.pop(number, None)
            # what it started and what stayed in its group; the process itself is no more
            kill_group(pid)
            ended.append((number, status, usage))
        if ended:
            self.sweep()
        for number, status, usage in ended:
            how = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"code": os.WEXITSTATUS(status)}
            self.send("Exited", task=number, rss=usage.ru_maxrss, **how)

    def sweep(self):
        """A task's processes stay below it while it lives; those that come here have lost it."""
        for _ in range(ROUNDS):
            lost = [pid for pid in children() if pid not in self.tasks]
            if not lost:
                return
            for pid in lost:
                kill(pid)
            for pid in lost:
                try:
                    os.waitpid(pid, 0)
                except ChildProcessError:
                    pass

    def leave(self):
        """Nobody is there who would clean up: the tasks end, with all that they have started, and their files go."""
        import shutil

        ended, self.tasks = self.tasks, {}
        for pid in ended:
            kill(pid)
        self.sweep()
        for folder in (os.path.dirname(self.place), *self.scratches.values()):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    def send(self, tag, **fields):
        data = json.dumps({"_tag": tag, **fields}).encode()
        view = memoryview(len(data).to_bytes(4, "big") + data)
        try:
            while view:
                view = view[os.write(self.control, view) :]
        except OSError:
            self.leave()


def load(name):
    try:
        importlib.import_module(name)
    except Exception:
        # a Python without all of its library
        pass
    settle()


def settle():
    """The collector leaves alone what is shared with the children, else it would copy it page by page."""
    gc.collect()
    gc.freeze()


def live(place, token, parent):
    """The child: what it is given becomes its standard streams and its channel, and the rest is as in any process. It may
    be there before its task is: then it waits for it."""
    os.setsid()
    libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # it died before it was asked for
        os._exit(1)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    said = place, token
    # first what is answered, so that the answer is there when it is read
    given = {3: connect(*said, f"Channel {os.getpid()}"), 1: connect(*said, "Stdout"), 2: connect(*said, "Stderr")}
    given[0] = os.open(os.devnull, os.O_RDONLY)
    # above all that are about to be taken
    held = {number: moved(descriptor) for number, descriptor in given.items()}
    for number, descriptor in held.items():
        os.dup2(descriptor, number)
    os.dup2(held[3], 4)
    os.closerange(5, 256)
    command = json.loads(run.receive().decode("utf-8"))
    if command["stdin"]:
        stdin = connect(*said, "Stdin")
        os.dup2(stdin, 0)
        os.close(stdin)
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
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


def connect(place, token, kind):
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(place)
    channel.sendall(f"{token} {kind}\n".encode())
    return channel.detach()


def moved(descriptor):
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
