"""Read YAML that people write as the texts they wrote: `No` stays "No", `10:11:12:13:14:15` a MAC address."""

from __future__ import annotations

from typing import Any

import yaml

MAX_NODES = 200_000
"""A file with so many values is an attack (aliases of aliases) or none of ours."""


def read_yaml(text: str, where: str) -> Any:
    """Read a YAML document.

    Parameters
    ----------
    where : str
        Name of the file for messages.

    Returns
    -------
    dict, list, str or None
        Every scalar as text; None where nothing, `~` or `null` stands as a value.

    Raises
    ------
    ValueError
        No YAML, a key that comes twice or is no text, or more values than anyone writes; with the line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        return None if node is None else _Reading(where).content(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(
            f"{where}{line}: no YAML: {str(error.problem or error.context)[:200]}; a text with `: `, ` #` or a bracket at its beginning needs quotes"
        ) from error
    except yaml.reader.ReaderError as error:
        raise ValueError(
            f"{where}, character {error.position + 1}: no YAML: {error.reason} ({ord(str(error.character)[0]):#x})"
        ) from error
    except RecursionError:
        raise ValueError(f"{where}: lists and keys are nested too deeply") from None


class _Reading:
    """Turns the nodes of one document into Python's lists, dictionaries and texts; counts them."""

    def __init__(self, where: str) -> None:
        self.where, self.left = where, MAX_NODES

    def content(self, node: yaml.Node) -> Any:
        """Give what a node holds."""
        self.left -= 1
        if self.left < 0:
            raise self.error(node, f"more than {MAX_NODES:,} values")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.content(item) for item in node.value]
        is_nothing = getattr(node, "style", None) is None and node.value in {"", "~", "null", "Null", "NULL"}
        return None if is_nothing else node.value

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Give the keys and values of a mapping."""
        content: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "a key that is no text")
            if key.value in content:
                raise self.error(
                    key, f"the key {key.value[:80]!r} comes twice; the second would hide the first"
                )
            content[key.value] = self.content(value)
        return content

    def error(self, node: yaml.Node, reason: str) -> ValueError:
        """Say where something is wrong."""
        return ValueError(f"{self.where}, line {node.start_mark.line + 1}: {reason}")
