import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

from isthmus._optional import optional

__all__ = ["embedded_json", "render"]


def render(context: Mapping[str, Any]) -> str:
    """The page.

    Args:
        context: what the template `page/report.html` names.
    """
    jinja2 = optional("jinja2", "report")
    loader = jinja2.FunctionLoader(_read)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    markup, escape = jinja2.utils.markupsafe.Markup, jinja2.utils.markupsafe.escape
    # Texts name parameters in backticks, as docstrings do.
    environment.filters["with_code"] = lambda text: markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
    return environment.get_template("report.html").render(**context)


def embedded_json(value: Any) -> str:
    """JSON that may stand in a `script` element, where a tag within a text would end it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(name: str) -> str:
    return importlib.resources.files("isthmus.reports").joinpath("page", name).read_text(encoding="utf-8")
