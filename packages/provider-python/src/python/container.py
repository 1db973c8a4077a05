"""The zygote as the first process of a container, where one task runs at a time and leaves no file to the next."""

import os
import sys

import zygote

# What a task may write to, of these; the rest of the container is read only.
FOLDERS = [folder for folder in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue") if os.access(folder, os.W_OK)]

PID = os.getpid()


def main():
    # a task may have a module of this name
    sys.modules.pop(__name__, None)
    os.register_at_fork(before=prepare)
    zygote.main()


def prepare():
    # what a task forks by itself goes on with its files
    if os.getpid() != PID:
        return
    try:
        for folder in FOLDERS:
            clear(folder)
    except OSError as error:
        # with this process the container ends, and the next task gets another
        print(f"what a task has left cannot be removed: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def clear(folder):
    """Folders are moved to the top before they are emptied: they may be deeper than a path may be long."""
    entries = left(folder)
    while entries:
        entry = entries.pop()
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
            continue
        os.chmod(entry.path, 0o700)
        for inner in list(os.scandir(entry.path)):
            if inner.is_dir(follow_symlinks=False):
                os.chmod(inner.path, 0o700)
                os.rename(inner.path, os.path.join(folder, os.urandom(16).hex()))
            else:
                os.unlink(inner.path)
        os.rmdir(entry.path)
        entries = entries or left(folder)


def left(folder):
    """What tasks have made. Folders that are shared with the container, and those on the way there, are another's."""
    return [entry for entry in os.scandir(folder) if entry.stat(follow_symlinks=False).st_uid == os.getuid()]
