import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createListener, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { picture } from './ask.ts';

/** A host that the operator allows, and that answers as badly as its path says. */
export interface BadHost {
  /** `127.0.0.9:<port>` */
  readonly name: string;
  close(): void;
}

const image = picture('rgb_64x64.png');

/** `forbidden`: `host:port` that its redirects lead to. */
export async function badHost(forbidden: string): Promise<BadHost> {
  const [, port = ''] = forbidden.split(':');
  const redirect = (to: string) => (response: ServerResponse) => void response.writeHead(302, { location: to }).end();
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    '/to-loopback': redirect(`http://${forbidden}/secret`),
    '/to-localhost': redirect(`http://localhost:${port}/secret`),
    '/to-mapped': redirect(`http://[::ffff:127.0.0.1]:${port}/secret`),
    '/to-decimal': redirect(`http://2130706433:${port}/secret`),
    '/to-metadata': redirect('http://169.254.169.254/latest/meta-data/'),
    '/to-file': redirect('file:///etc/passwd'),
    '/to-data': redirect('data:image/png;base64,AAAA'),
    '/to-ftp': redirect(`ftp://${forbidden}/`),
    '/to-user': redirect(`http://user:password@127.0.0.9/`),
    '/to-nowhere': (response) => void response.writeHead(302).end(),
    '/to-itself': redirect('/to-itself'),
    '/to-far-1': redirect('/to-far-2'),
    '/to-far-2': redirect('/to-far-3'),
    '/to-far-3': redirect('/to-far-4'),
    '/to-far-4': redirect('/picture'),
    '/picture': (response) => void response.end(image),
    '/missing': (response) => void response.writeHead(404).end('secret'),
    '/empty': (response) => void response.writeHead(204).end(),
    '/partial': (response) => void response.writeHead(206).end(image),
    '/html': (response) => void response.writeHead(200, { 'content-type': 'image/png' }).end('<html></html>'),
    '/gzip': (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(image)),
    '/bomb': (response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000))),
    '/short': (response) => {
      response.writeHead(200, { 'content-length': image.length + 100 });
      response.write(image, () => response.destroy());
    },
    '/says-much': (response) => void response.writeHead(200, { 'content-length': 1e12 }).flushHeaders(),
    '/endless': (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    },
    '/drip': (response) => {
      const timer = setInterval(() => response.write(image.subarray(0, 1)), 50);
      response.once('close', () => clearInterval(timer));
    },
    '/silent': () => {},
    '/head-only': (response) => response.flushHeaders(),
    '/reset': (response) => void response.socket?.resetAndDestroy(),
    '/large-head': (response) => void response.writeHead(200, { 'x-much': 'x'.repeat(100_000) }).end(image),
  };
  const host: Server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer) answer(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.9', resolve));
  const close = (): void => {
    host.close();
    host.closeAllConnections();
  };
  return { name: `127.0.0.9:${(host.address() as AddressInfo).port}`, close };
}

/** Listens where nothing may connect to, on every address of this machine, and counts who does. */
export interface Trap {
  readonly port: number;
  readonly caught: readonly string[];
  close(): void;
}

export async function setTrap(): Promise<Trap> {
  const caught: string[] = [];
  const sockets = new Set<Socket>();
  const trap = createListener((socket) => {
    caught.push(`${socket.localAddress}`);
    sockets.add(socket);
    socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret');
  });
  await new Promise<void>((resolve) => trap.listen(0, '::', resolve));
  const close = (): void => {
    trap.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (trap.address() as AddressInfo).port, caught, close };
}
