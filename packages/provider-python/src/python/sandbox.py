"""What a task may still do: limits of its process, and the levels of isolation. Linux, by the standard library alone."""

import resource


def levels():
    """Why a level is not to be had on this machine, by its name; None where it is."""
    missing = "it is not there yet"
    return {"none": None, "rlimit": None, "strict": missing, "ns": missing}


def seal(level, limits, readable, writable):
    """Takes effect in this process and all that it starts, and is not to be undone. Raises when a part cannot be had."""
    if level != "rlimit":
        raise OSError(f"the level {level} is not available")
    memory = limits.get("memory")
    if memory is not None:
        # Of the data alone: an address space is asked for in reserve, by every thread.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_AS, (4 * memory, 4 * memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
