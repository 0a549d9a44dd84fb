"""`show_source`: put the tested source of a function, method or class into a notebook.

What the learner reads is what runs: the text comes from the installed package, so it cannot drift from it.
"""

import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def show_source(*objects: Callable | type) -> Markdown:
    """Return the source of `objects`, one after the other, as a highlighted Python block.

    Raises:
        TypeError: an object has no Python source (a built-in, a plain value).
    """
    return Markdown("```python\n" + "\n\n".join(_source(item) for item in objects) + "\n```")


def _source(item: Callable | type) -> str:
    if isinstance(item, property):
        item = item.fget
    try:
        return textwrap.dedent(inspect.getsource(item)).rstrip()
    except (OSError, TypeError) as error:
        raise TypeError(
            f"show_source needs a function, method or class written in Python, got {item!r}"
        ) from error
