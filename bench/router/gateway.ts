import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Child } from '../subject.ts';
import { root, start } from '../subject.ts';
import { Connection } from './connection.ts';
import { judge, requestBody } from './script.ts';

/** A way to the mock: a process with its address, or the mock itself. */
export interface Gateway {
  readonly name: string;
  readonly url: string;
  /** Whose CPU and memory are counted; undefined: nobody's (the way without a gateway). */
  readonly pid: number | undefined;
  /** Headers that its requests carry besides the usual ones. */
  readonly headers: readonly string[];
  /** From exec to the first 200 of a chat request, ms. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** How a gateway is started in front of `upstream`. */
export interface Kind {
  readonly name: string;
  /** Where it comes from when it is not there. */
  readonly source: string;
  readonly headers?: readonly string[] | ((upstream: string) => readonly string[]);
  /** Undefined: it is not installed. */
  launch(port: number, upstream: string, directory: string): Promise<Launched | undefined>;
}

export interface Launched {
  readonly child: Child;
  readonly url?: string;
  stop?(): Promise<void>;
}

const patienceMs = 120_000;

/** Starts a gateway; undefined where it is not installed. Throws when it does not answer a chat request. */
export async function open(
  kind: Kind,
  port: number,
  upstream: string,
  directory: string,
): Promise<Gateway | undefined> {
  const launched = await kind.launch(port, upstream, directory);
  if (!launched) return undefined;
  const { child, url = `http://127.0.0.1:${port}` } = launched;
  const headers = typeof kind.headers === 'function' ? kind.headers(upstream) : (kind.headers ?? []);
  const stop = launched.stop ?? child.stop;
  try {
    const startMs = await firstAnswer(url, headers, child);
    return { name: kind.name, url, pid: child.process.pid as number, headers, startMs, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function firstAnswer(url: string, headers: readonly string[], child: Child): Promise<number> {
  const script = { chunks: 0, everyMs: 0 };
  const request = requestOf(url, headers, requestBody(script));
  let said = 'nothing';
  while (performance.now() - child.begun < patienceMs) {
    const connection = new Connection(url);
    const reply = await connection.send(request).catch(() => undefined);
    connection.close();
    if (reply?.status === 200 && judge(script, reply.body) !== 'broken') return performance.now() - child.begun;
    if (reply) said = `${reply.status} ${reply.body.toString('utf8', 0, 300)}`;
    const { exitCode, signalCode } = child.process;
    if (exitCode !== null || signalCode !== null) throw new Error(`it ended:\n${child.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  throw new Error(`it did not answer in ${patienceMs / 1_000} s; last: ${said}\n${child.output()}`);
}

/** A whole HTTP request, made once and sent many times. */
export function requestOf(url: string, headers: readonly string[], body: Buffer): Buffer {
  const lines = [
    'POST /v1/chat/completions HTTP/1.1',
    `host: ${new URL(url).host}`,
    'content-type: application/json',
    'authorization: Bearer bench-key-0123456789',
    'user-agent: bench',
    'accept: */*',
    ...headers,
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

/** Where a program lies: in a folder below the repository, or on the path (`/usr/sbin` too, where Debian puts servers). */
export async function found(program: string, folder?: string): Promise<string | undefined> {
  const folders = folder
    ? [join(root, folder)]
    : [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const each of folders) {
    const path = join(each, program);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

/** Starts the mock and waits until it listens. */
export async function mock(port: number): Promise<Gateway> {
  const child = start(process.execPath, [join(root, 'bench/router/mock.ts'), String(port)]);
  const url = `http://127.0.0.1:${port}`;
  const startMs = await firstAnswer(url, [], child);
  return { name: 'direct', url, pid: undefined, headers: [], startMs, stop: child.stop };
}
