"""Runs one task and reports how it ended.

The job comes as one frame on file descriptor 3, reports go as frames to 4: four bytes of length, then JSON. Standard
output and error belong to the task. What the code may do is a matter of its level: see sandbox.py.
"""

import _thread
import builtins
import json
import os
import sys

import values

JOB, REPORT = 3, 4
# ast.PyCF_ALLOW_TOP_LEVEL_AWAIT and inspect.CO_COROUTINE, without their modules: starting counts
TOP_LEVEL_AWAIT, COROUTINE = 0x2000, 0x80
# Characters of an exception's message, of a traceback and of the name of a type that are reported.
MESSAGE, TRACEBACK, NAME = 4_000, 6_000, 400

# Found by their names, and then gone: a task may have modules of the same names.
OURS = ("run", "sandbox", "template", "values", "zygote")
FOLDER = os.path.dirname(__file__)
OWNER = os.getpid()
_writing = _thread.allocate_lock()


def main(forked=False):
    """forked: by a zygote, which sees to it that this process ends with the one that asked."""
    global OWNER
    OWNER = os.getpid()
    data = receive()
    for descriptor in (JOB, REPORT):
        os.set_inheritable(descriptor, False)
    tagged = b'"$type"' in data
    try:
        job = json.loads(data.decode("utf-8"))
    except RecursionError:
        return _send("Failed", type="RecursionError", message="the params are nested too deeply for Python")
    if any(not isinstance(part, str) for part in job["segments"]):
        import template
    else:
        template = None
    if job["level"] != "none":
        import sandbox
    # the task shall find its own modules under these names, not ours
    sys.path[0] = ""
    for name in OURS:
        sys.modules.pop(name, None)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    if not forked:
        _die_with_owner()
    if job["cwd"] is not None:
        try:
            os.chdir(job["cwd"])
        except OSError as error:
            _send("Failed", type=_type_name(error), message=f"the task cannot run in its folder: {error}")
            sys.exit(1)
    if job["level"] != "none":
        reason = None
        try:
            sandbox.seal(job["level"], job["limits"], job["readable"], job["writable"])
        except Exception as error:
            reason = str(error)
        # some levels go on in a child
        OWNER = os.getpid()
        if reason is not None:
            _send("Unsealed", message=_shortened(reason, MESSAGE))
            sys.exit(1)
    task = Task(job, template, tagged)
    if job["check"]:
        _send("Checked", errors=task.errors())
    else:
        sys.exit(task.execute())


class Task:
    def __init__(self, job, template, tagged):
        self.job = job
        self.tagged = tagged
        self.template = template
        self.name = job["name"]
        self.module = type(sys)("__main__")
        self.scope = self.module.__dict__
        allowed = job["allowed_modules"]
        self.scope["__builtins__"] = builtins if allowed is None else _guarded({"__future__", *allowed})
        self.given = set()

    def restore(self, value):
        """The value, with what travels as {"$type": ...} as itself; a copy from the second time on."""
        if not self.tagged and id(value) not in self.given:
            self.given.add(id(value))
            return value
        return json.loads(json.dumps(value), object_hook=values.untag if self.tagged else None)

    def compile(self):
        job = self.job
        if job["file"] is not None:
            with open(job["file"], "rb") as file:
                return compile(file.read(), self.name, "exec", 0, True)
        if self.template is None:
            source = "\n" * (job["line"] - 1) + "".join(job["segments"])
        else:
            source, variables = self.template.bind(
                job["segments"], job["values"], self.name, job["line"], self.restore
            )
            self.scope.update(variables)
        return compile(source, self.name, "exec", TOP_LEVEL_AWAIT, True)

    def errors(self):
        try:
            self.compile()
        except SyntaxError as error:
            line = error.lineno or self.job["line"]
            return [{"line": line, "column": max(error.offset or 1, 1), "message": str(error.msg)}]
        except (ValueError, OverflowError, RecursionError, MemoryError, OSError) as error:
            message = str(error) or type(error).__name__
            return [{"line": self.job["line"], "column": 1, "message": message}]
        return []

    def execute(self):
        """Runs it, reports, and returns the exit code."""
        job = self.job
        sys.argv = [self.name] + ([json.dumps(job["args"], ensure_ascii=False)] if "args" in job else [])
        args = self.restore(job["args"]) if "args" in job else {}
        if job["file"] is not None:
            self.module.__file__ = job["file"]
            sys.path[0] = os.path.dirname(job["file"])
        self.scope.update(args=args, context=args, progress=progress, log=log)
        sys.modules["__main__"] = self.module
        try:
            code = self.compile()
            pending = eval(code, self.scope)
            if code.co_flags & COROUTINE:
                import asyncio

                asyncio.run(pending)
        except SystemExit as error:
            status = 0 if error.code is None else error.code
            if not isinstance(status, int):
                print(status, file=sys.stderr)
                status = 1
            if status & 0xFF != 0:
                self.failed(error)
                return status & 0xFF
        except BaseException as error:
            self.failed(error)
            return 1
        try:
            self.done()
        except BaseException as error:
            message = f"the result cannot be recorded: {error}"
            kind = "ValueError" if isinstance(error, values.Unfit) else _type_name(error)
            _send("Failed", type=kind, message=message[:MESSAGE])
            return 1
        return 0

    def done(self):
        value = self.scope.get("result", Task)
        # a function or a module of this name is no result
        if value is Task or isinstance(value, (type, type(sys), type(_send))):
            return _send("Done")
        strange = set()
        data = _encode({"_tag": "Done", "result": values.plain(value, strange)})
        if len(data) > self.job["max_result"]:
            return _send("TooLarge", size=len(data))
        for name in sorted(strange):
            log(f"the result holds a value of type {name}, which has no JSON form: its repr is recorded", "warning")
        _write(data)

    def failed(self, error):
        try:
            traceback, line = self.trace(error)
        except Exception:
            traceback, line = "", None
        try:
            message = str(error)
        except Exception:
            message = "(its message cannot be shown)"
        if isinstance(error, SyntaxError):
            message = str(error.msg)
        where = {} if line is None else {"line": line}
        _send("Failed", type=_type_name(error), message=_shortened(message, MESSAGE), traceback=traceback, **where)

    def trace(self, error):
        """The traceback without the frames of this file and of Python's own library, and the line of the task."""
        import linecache
        import traceback

        if self.job["file"] is None:
            lines = ["\n"] * (self.job["line"] - 1) + [line + "\n" for line in self.job["source"].split("\n")]
            linecache.cache[self.name] = (len(lines), None, lines, self.name)
            # Python shows the line of the file of that name, where the code is indented
            if isinstance(error, SyntaxError) and error.filename == self.name and 0 < (error.lineno or 0) <= len(lines):
                error.text = lines[error.lineno - 1]
        trace = traceback.TracebackException.from_exception(error)
        _only_user_frames(trace, set())
        line = None
        for frame in trace.stack:
            if frame.filename == self.name:
                line = frame.lineno
        if line is None and isinstance(error, SyntaxError) and error.filename == self.name:
            line = error.lineno
        chained = error.__cause__ is not None or error.__context__ is not None
        text = "".join(trace.format() if trace.stack or chained else trace.format_exception_only())
        return _shortened(text.rstrip("\n"), TRACEBACK), line


def progress(fraction=None, message=None):
    """Tells whoever watches how far the task is: a part of 1, or words, or both."""
    said = {}
    if fraction is not None:
        said["fraction"] = min(1.0, max(0.0, float(fraction)))
    if message is not None:
        said["message"] = str(message)[:MESSAGE]
    _send("Progress", **said)


def log(message, level="info"):
    """Tells whoever watches, and leaves what is printed alone."""
    if level not in ("debug", "info", "warning", "error"):
        raise ValueError(f"the level of a log is debug, info, warning or error, and not {level!r}")
    _send("Log", level=level, message=_shortened(str(message), MESSAGE))


# internal: the channel


def receive():
    """The JSON of the next frame."""
    return _exactly(int.from_bytes(_exactly(4), "big"))


def _exactly(size):
    data = bytearray()
    while len(data) < size:
        more = os.read(JOB, min(size - len(data), 1 << 20))
        if not more:
            raise EOFError("whoever gives the job is gone")
        data += more
    return bytes(data)


def _die_with_owner():
    """The kernel ends this process group when whoever holds the other end of the job's channel dies. Linux only."""
    if os.getpgrp() != OWNER:
        return
    try:
        import fcntl

        fcntl.fcntl(JOB, fcntl.F_SETOWN, -OWNER)
        fcntl.fcntl(JOB, fcntl.F_SETSIG, 9)
        fcntl.fcntl(JOB, fcntl.F_SETFL, fcntl.fcntl(JOB, fcntl.F_GETFL) | os.O_ASYNC)
    except (ImportError, AttributeError, OSError):
        pass


def _send(tag, **fields):
    _write(_encode({"_tag": tag, **fields}))


def _encode(frame):
    try:
        return json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(frame, allow_nan=False, separators=(",", ":")).encode("ascii")


def _write(data):
    # a forked child that runs on to the end of the code is not the task
    if os.getpid() != OWNER:
        return
    view = memoryview(len(data).to_bytes(4, "big") + data)
    with _writing:
        try:
            while view:
                view = view[os.write(REPORT, view) :]
        except OSError:
            pass


# internal: imports


def _guarded(allowed):
    """For the frames of the task alone: what it may import goes on as ever."""

    def guard(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name.partition(".")[0] not in allowed:
            most = ", ".join(sorted(allowed - {"__future__"})) or "none"
            raise ImportError(f"{name} is not one of the modules that the task may import ({most})")
        return builtins.__import__(name, globals, locals, fromlist, level)

    own = type(sys)("builtins")
    own.__dict__.update(builtins.__dict__)
    own.__import__ = guard
    return own


# internal: failures


def _type_name(error):
    kind = type(error)
    whole = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    return whole[:NAME]


def _only_user_frames(trace, seen):
    if trace is None or id(trace) in seen:
        return
    seen.add(id(trace))
    trace.stack[:] = [frame for frame in trace.stack if _is_user_frame(frame.filename)]
    for other in [trace.__cause__, trace.__context__, *(getattr(trace, "exceptions", None) or [])]:
        _only_user_frames(other, seen)


LIBRARY = os.path.dirname(os.__file__) + os.sep


def _is_user_frame(filename):
    if os.path.dirname(filename) == FOLDER or filename.startswith("<frozen "):
        return False
    return not filename.startswith(LIBRARY) or "-packages" in filename[len(LIBRARY) :]


def _shortened(text, most):
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n… {len(text) - most} characters left out …\n{text[-most // 2 :]}"
