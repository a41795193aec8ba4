import { Connection, type Reply } from './connection.ts';
import { type Gateway, requestOf } from './gateway.ts';
import { judge, type Padding, requestBody, type Script } from './script.ts';

/** A load, the same for every gateway. */
export interface Job {
  readonly script: Script;
  readonly connections: number;
  /** Of all connections together. */
  readonly requests: number;
  readonly padding?: Padding;
  /** Requests per second, whatever the answers do; absent: each connection asks again once it is answered. */
  readonly rate?: number;
  /** No request begins after this: a slow gateway need not do as many. */
  readonly withinMs?: number;
}

/** What a job took. */
export interface Outcome {
  readonly wallMs: number;
  readonly firstMs: readonly number[];
  readonly totalMs: readonly number[];
  /** Replies whose bytes were the upstream's. */
  readonly identical: number;
}

/** Runs a job. Throws for a reply that is not whole, not in order or not a 200. */
export async function run({ url, headers, name }: Gateway, job: Job): Promise<Outcome> {
  const request = requestOf(url, headers, requestBody(job.script, job.padding));
  const connections = Array.from({ length: job.connections }, () => new Connection(url));
  const replies: Reply[] = [];
  let identical = 0;
  const ask = async (connection: Connection): Promise<void> => {
    const reply = await connection.send(request);
    const verdict = reply.status === 200 ? judge(job.script, reply.body) : 'broken';
    if (verdict === 'broken') {
      throw new Error(`${name} answered ${reply.status}: ${reply.body.toString('utf8', 0, 500)}`);
    }
    if (verdict === 'identical') identical++;
    // The body is let go: thousands of them are a heap of their own.
    replies.push({ ...reply, body: nothing });
  };
  const begin = performance.now();
  try {
    const end = begin + (job.withinMs ?? Number.POSITIVE_INFINITY);
    if (job.rate === undefined) await closed(connections, job.requests, end, ask);
    else await paced(connections, job.requests, job.rate, end, ask);
  } finally {
    for (const connection of connections) connection.close();
  }
  return {
    wallMs: performance.now() - begin,
    firstMs: replies.map(({ firstMs }) => firstMs),
    totalMs: replies.map(({ totalMs }) => totalMs),
    identical,
  };
}

const nothing = Buffer.alloc(0);

async function closed(
  connections: readonly Connection[],
  requests: number,
  end: number,
  ask: (connection: Connection) => Promise<void>,
): Promise<void> {
  let left = requests;
  const work = async (connection: Connection): Promise<void> => {
    while (left-- > 0 && performance.now() < end) await ask(connection);
  };
  await Promise.all(connections.map(work));
}

async function paced(
  connections: readonly Connection[],
  requests: number,
  rate: number,
  end: number,
  ask: (connection: Connection) => Promise<void>,
): Promise<void> {
  const free = [...connections];
  const asked: Promise<void>[] = [];
  const begin = performance.now();
  for (let number = 0; number < requests && performance.now() < end; number++) {
    const wait = begin + (number * 1_000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const connection = free.pop();
    // All are busy: whoever is this slow is past its limit, and the request waits as it would in a client.
    if (!connection) {
      await Promise.race(asked);
      number--;
      continue;
    }
    const done = ask(connection).finally(() => {
      free.push(connection);
      asked.splice(asked.indexOf(done), 1);
    });
    asked.push(done);
  }
  await Promise.all(asked);
}
