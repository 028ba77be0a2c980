"""timeMethod: a decorator that notes in a task's metadata how long a method took."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from pipetask.task.task import Task

Method = TypeVar("Method", bound=Callable[..., Any])


def timeMethod(method: Method) -> Method:
    """Record start, end, CPU time and peak memory of each call, as `Task.timer` does for a block."""

    @wraps(method)
    def timed(self: Task, *args: Any, **kwargs: Any) -> Any:  # whatever the method takes and returns
        with self.timer(method.__name__):
            return method(self, *args, **kwargs)

    return cast("Method", timed)
