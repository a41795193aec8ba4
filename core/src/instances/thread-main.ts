import type { MessagePort } from 'node:worker_threads';
import { serveInstance } from './host.ts';

/** What the worker of a `thread` instance runs: one task, for the instance's whole life. */
export default async function main({ port }: { readonly port: MessagePort }): Promise<void> {
  await serveInstance({
    post: (message) => port.postMessage(message),
    listen: (receive) => port.on('message', receive),
  });
  port.close();
}
