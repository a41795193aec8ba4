"""Runs mlx-openai-server with two faults of it mended. It looks whether the caller of a stream has left only where no
token comes for a tenth of a second, and so computes on for nobody on any machine that is faster than that. And it lets
every web page read what it says, on a port that is nobody's but Backplane's.

Whatever the installed version lacks is left as it is. A file and not `-c`, because the process of each model runs
this again: multiprocessing imports the main file there.
"""

from contextlib import aclosing

from app.core import handler_process

_unheeding = getattr(handler_process, "_stream_until_cancelled", None)


async def _heeding(stream, should_cancel, *args, **kwargs):
    async with aclosing(_unheeding(stream, should_cancel, *args, **kwargs)) as chunks:
        async for chunk in chunks:
            yield chunk
            if should_cancel():
                return


if _unheeding is not None:
    handler_process._stream_until_cancelled = _heeding


class _NoOtherOrigins:
    """In place of Starlette's CORSMiddleware, which was to allow them all."""

    def __init__(self, app, **_options):
        self._app = app

    async def __call__(self, scope, receive, send):
        await self._app(scope, receive, send)


if __name__ == "__main__":
    from app import server
    from app.main import main

    if hasattr(server, "CORSMiddleware"):
        server.CORSMiddleware = _NoOtherOrigins
    main()
