"""Runs mlx-openai-server with one fault of it mended: it looks whether the caller of a stream has left only where
no token comes for a tenth of a second, and so computes on for nobody on any machine that is faster than that.

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

if __name__ == "__main__":
    from app.main import main

    main()
