import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Failure } from '../../sdk/index.ts';

/**
 * Sends a body in chunks (RFC 9112 §7.1) while it is read, no faster than the socket takes it. `done` is called once: with
 * the body's error, with `cancelled` for one that was closed before its end, or when that end was written.
 */
export function sendBody(socket: Socket, body: Readable, done: (error?: Error) => void): void {
  const over = (error?: Error): void => {
    body.off('data', data).off('end', end).off('error', over).off('close', closed);
    // What fails after its end fails for nobody.
    body.on('error', () => {});
    socket.off('drain', drained);
    done(error);
  };
  const drained = (): void => void body.resume();
  const data = (bytes: Buffer): void => {
    // An empty chunk would be the last.
    if (bytes.length === 0 || socket.destroyed) return;
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    socket.write(bytes);
    const roomy = socket.write('\r\n', 'latin1');
    socket.uncork();
    if (!roomy) body.pause();
  };
  const end = (): void => {
    if (!socket.destroyed) socket.write('0\r\n\r\n', 'latin1');
    over();
  };
  const closed = (): void => over(new Failure('cancelled', 'The upload was given up before its end.'));
  socket.on('drain', drained);
  body.on('data', data).on('end', end).on('error', over).on('close', closed);
}
