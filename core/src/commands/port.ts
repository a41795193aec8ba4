import { once } from 'node:events';
import { createServer } from 'node:net';

/** Why a port cannot be opened, in words; undefined for an error of another kind. */
export function portTrouble(thrown: unknown): { readonly what: string; readonly fix: string } | undefined {
  const { code, address, port } = thrown as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return { what: `Port ${port} on ${address} is in use`, fix: 'stop what listens there, or set another server.port' };
  }
  if (code === 'EACCES' && port !== undefined) {
    return { what: `This user may not open port ${port} on ${address}`, fix: 'choose a server.port above 1023' };
  }
  if (code === 'EADDRNOTAVAIL') {
    return { what: `This machine has no address ${address}`, fix: 'set server.host to one it has, or to 0.0.0.0' };
  }
  return undefined;
}

/** Opens a port and closes it again. Throws what opening it throws. */
export async function tryPort(host: string, port: number): Promise<void> {
  const server = createServer().listen({ host, port, exclusive: true });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
