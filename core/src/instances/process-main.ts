import { flushCompileCache } from 'node:module';
import { serveInstance } from './host.ts';

/** When what a start needs has been compiled. */
const compiledMs = 10_000;

/**
 * What the child of a `process` instance runs. It lives and dies with the server: signals that a terminal or a service
 * manager sends to the whole group are the server's to answer, and a closed channel means that the server is gone.
 */
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// What was compiled is written when a process ends, and this one is ended with SIGKILL: the next shall start from it all the same.
setTimeout(flushCompileCache, compiledMs).unref();
process.title = `backplane ${process.argv[2] ?? ''}`;

await serveInstance({
  post: (message) => {
    process.send?.(message);
  },
  listen: (receive) => process.on('message', receive as (message: unknown) => void),
});
