"""The tools over the Model Context Protocol, on standard input and output (needs the extra ``mcp``)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from mfu_planner import __version__
from mfu_planner.agent.tools import error_text, tools
from mfu_planner.errors import InputError, PlannerError, nearest

TOLD = (
    "Plan training runs and judge their speed. MFU is the FLOP/s that a run puts into the model's own mathematics over "
    "its hardware's peak. Every answer carries warnings and sources: repeat the warnings that bear on the answer. "
    "An error says which field, what was given, what is accepted and the nearest names: correct it and ask again."
)


class PlannerServer(MCPServer[Any]):  # type: ignore[misc,unused-ignore]  # untyped where it is not installed
    """A server that refuses an argument it does not know, as the command line refuses a flag."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool by name."""
        listed = {tool.name: tool.input_schema["properties"] for tool in await self.list_tools()}
        known = listed.get(name, arguments)
        for key, value in arguments.items():
            if key not in known:
                raise ToolError(error_text(InputError(key, value, f"an argument of {name}", nearest(key, known))))
        return await super().call_tool(name, arguments, context)


def server(folder: Path | None = None) -> PlannerServer:
    """The server with its tools; files are read below ``folder`` only, without one not at all."""
    made = PlannerServer("mfu-planner", version=__version__, instructions=TOLD, log_level="WARNING")
    hints = ToolAnnotations(read_only_hint=True, open_world_hint=False, idempotent_hint=True)
    for name, (call, told) in tools(folder).items():
        made.tool(name=name, description=told, annotations=hints)(_refusing(call))
    return made


def _refusing(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with the planner's refusals as the protocol's errors."""

    @functools.wraps(call)
    def tool(*args: Any, **given: Any) -> Any:
        try:
            return call(*args, **given)
        except PlannerError as error:
            raise ToolError(error_text(error)) from None

    return tool
