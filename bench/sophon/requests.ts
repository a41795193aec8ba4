import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { standIn } from '../../plugins/sophon-tpu/test/native/setup.ts';
import { echoFolder } from '../../plugins/sophon-tpu/test/stand-in/qwen.ts';
import { startBackplane } from '../backplane.ts';
import { Connection, type Reply } from '../router/connection.ts';
import { answered, type Child, freePort, start } from '../subject.ts';
import { figure, median, table } from '../table.ts';
import { ProcessTree } from '../tree.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const rounds = Number(values.rounds);
const perRound = 3_000;
const connections = 4;
const chats = 1_000;
/** Of authentication and routing, µs. */
const goal = 100;

if (!(rounds >= 3)) {
  console.error('Usage: npm run bench:sophon:requests -- [--rounds 9]');
  process.exit(2);
}
if (!existsSync(new URL('../../plugins/sophon-tpu/native/build/sophon.node', import.meta.url))) {
  console.log('skipped: the addon is not built; npm run build:native');
  process.exit(0);
}

const key = 'bench-key-0123456789';
const path = '/v1/models/echo';
/** Deployment E's forms of a key. */
const keys = [{ name: 'clients', key }];
const schemes = [
  { header: 'Authorization', prefix: 'Bearer', keys },
  { header: 'X-API-Key', keys },
  { header: 'X-API-Key', prefix: 'ApiKey', keys },
];

interface Subject {
  readonly url: string;
  readonly child: Child;
  stop(): Promise<void>;
}

const directory = await mkdtemp(join(tmpdir(), 'backplane-requests-'));
const folder = await echoFolder();
const running: Subject[] = [];
try {
  const guarded = await serve('guarded', { schemes });
  const open = await serve('open', { enabled: false });
  const bare = await serveBare((await ask(guarded, [get(guarded, key)], 1)).body.toString());

  const kinds = [
    { name: 'GET /v1/models/{id}', status: 200, subjects: { guarded, open, bare }, said: key },
    { name: 'the same, wrong key: 401', status: 401, subjects: { guarded }, said: 'another-key-0123456789' },
  ];
  const rows: string[][] = [];
  let added = Number.NaN;
  for (const { name, status, subjects, said } of kinds) {
    const samples = await measure(subjects, said, status);
    const of = (subject: string) => median(samples.get(subject) ?? []);
    const over = (subject: string, base: string) =>
      median((samples.get(subject) ?? []).map((us, round) => us - (samples.get(base)?.[round] ?? Number.NaN)));
    if (status === 200) added = over('guarded', 'bare');
    rows.push([
      name,
      ...['guarded', 'open', 'bare'].map((subject) => figure(of(subject))),
      figure(over('guarded', 'open')),
      figure(over('guarded', 'bare')),
    ]);
  }
  console.log(
    `CPU time of the server, µs per request, medians of ${rounds} rounds that take turns; differences of the same round. Load ${loadavg()[0]?.toFixed(1)}.\n`,
  );
  console.log(table(['request', 'with keys', 'auth off', 'node:http', 'keys add', 'added to node:http'], rows));

  const waits = await slots(guarded);
  console.log(
    `\nA chat, from its arrival to its slot: ${figure(quantile(waits, 0.5))} µs (p50), ${figure(quantile(waits, 0.99))} µs (p99) of the clock; ${waits.length} calls, one at a time.`,
  );
  console.log(
    `\nGoal: authentication and routing below ${goal} µs: ${added < goal ? 'met' : 'missed'} (${figure(added)}, with parsing, log line and metrics).`,
  );
} finally {
  for (const subject of running) await subject.stop();
  await folder.remove();
  await rm(directory, { recursive: true });
}

/** A server as deployment E has it, on the stand-in libraries. */
async function serve(name: string, auth: object): Promise<Subject> {
  const options = { model_dir: folder.path, libraries: standIn() };
  const config = `
plugins:
  - { use: "@backplane/auth", config: ${JSON.stringify(auth)} }
  - "@backplane/metrics"
  - "@backplane/sophon-tpu"
  - ${new URL('stopwatch.ts', import.meta.url).pathname}
models:
  - { id: echo, backend: sophon, options: ${JSON.stringify(options)} }
`;
  const server = await startBackplane(config, 'source', join(directory, `${name}.log`));
  running.push(server);
  await answered(`${server.url}/ready`, server.child);
  return server;
}

async function serveBare(body: string): Promise<Subject> {
  const port = await freePort();
  const child = start(process.execPath, [new URL('bare.ts', import.meta.url).pathname, String(port), body]);
  const subject = { url: `http://127.0.0.1:${port}`, child, stop: child.stop };
  running.push(subject);
  await answered(subject.url, child);
  return subject;
}

/** CPU time per request, µs, by subject and round. */
async function measure(
  subjects: Readonly<Record<string, Subject>>,
  said: string,
  status: number,
): Promise<ReadonlyMap<string, number[]>> {
  const samples = new Map<string, number[]>();
  // Two rounds until compilers are warm.
  for (let round = -2; round < rounds; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const tree = new ProcessTree(subject.child.process.pid as number);
      const before = tree.cpu();
      const requests = Array.from({ length: connections }, () => get(subject, said));
      const reply = await ask(subject, requests, perRound);
      if (reply.status !== status) throw new Error(`${name} answered ${reply.status}: ${reply.body}`);
      const spent = (tree.cpu() - before) / perRound;
      if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), spent]);
    }
  }
  return samples;
}

/** How long each chat took from its arrival to its slot, µs. */
async function slots(subject: Subject): Promise<number[]> {
  const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 });
  const told = async () => (await (await fetch(`${subject.url}/stopwatch`)).json()) as number[];
  const chat = async (): Promise<void> => {
    const reply = await ask(subject, [message(subject, 'POST /v1/chat/completions', key, body)], chats);
    if (reply.status !== 200) throw new Error(`a chat was answered with ${reply.status}: ${reply.body}`);
  };
  // The compilers have more to do here than for a GET.
  for (let round = 0; round < 3; round++) await chat();
  await told();
  await chat();
  return told();
}

/** Sends each request again and again over a connection of its own, `count` in all; returns the last reply. */
async function ask({ url }: Subject, requests: readonly Buffer[], count: number): Promise<Reply> {
  let left = count;
  let last: Reply | undefined;
  const work = async (request: Buffer): Promise<void> => {
    const connection = new Connection(url);
    while (left-- > 0) last = await connection.send(request);
    connection.close();
  };
  await Promise.all(requests.map(work));
  return last as Reply;
}

function get(subject: Subject, said: string): Buffer {
  return message(subject, `GET ${path}`, said);
}

function message({ url }: Subject, line: string, said: string, body = ''): Buffer {
  const head = [
    `${line} HTTP/1.1`,
    `host: ${new URL(url).host}`,
    `authorization: Bearer ${said}`,
    'user-agent: bench',
    'accept: */*',
  ];
  if (body !== '') head.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function quantile(samples: readonly number[], q: number): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length * q)] ?? Number.NaN;
}
