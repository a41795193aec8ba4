import type { Job } from './jobs.ts';

/** A load and what it is there to tell. */
export interface Part {
  readonly name: string;
  readonly title: string;
  readonly job: Job;
  /** What CPU time is divided by. */
  readonly per: 'request' | 'chunk';
  readonly columns: readonly Column[];
}

export type Column = 'cpu' | 'rps' | 'added' | 'first';

const plain = { chunks: 0, everyMs: 0 };
const withinMs = 4_000;

/** `quick`: a tenth of the load, for a look between two changes. */
export function partsOf(quick: boolean): readonly Part[] {
  const some = (requests: number, least = 1): number => (quick ? Math.max(Math.ceil(requests / 8), least) : requests);
  const streams = (connections: number, chunks: number, everyMs: number): Job => ({
    script: { chunks, everyMs },
    connections,
    requests: connections,
  });
  return [
    {
      name: 'json',
      title: 'JSON, 16 connections',
      job: { script: plain, connections: 16, requests: some(16_000), withinMs },
      per: 'request',
      columns: ['cpu', 'rps'],
    },
    {
      name: 'burst',
      title: 'SSE at full speed, 16 connections, 64 chunks a stream',
      job: { script: { chunks: 64, everyMs: 0 }, connections: 16, requests: some(2_000), withinMs },
      per: 'chunk',
      columns: ['cpu'],
    },
    {
      name: 'paced',
      title: 'SSE, 16 streams of 100 chunks/s',
      job: { ...streams(16, quick ? 100 : 200, 10), requests: 32 },
      per: 'chunk',
      columns: ['cpu', 'first'],
    },
    {
      name: 'wide',
      title: 'SSE, 64 streams of 100 chunks/s',
      job: streams(64, quick ? 100 : 300, 10),
      per: 'chunk',
      columns: ['cpu', 'first'],
    },
    {
      name: 'many',
      title: 'SSE, 200 streams of 33 chunks/s, begun at once',
      job: streams(200, quick ? 33 : 100, 30),
      per: 'chunk',
      columns: ['cpu', 'first'],
    },
    {
      name: 'calm',
      title: '50 requests/s',
      job: { script: plain, connections: 8, requests: some(300, 100), rate: 50, withinMs: 2 * withinMs },
      per: 'request',
      columns: ['cpu', 'added'],
    },
    {
      name: 'large',
      title: 'Requests of 50 KB, 8 connections',
      job: {
        script: plain,
        connections: 8,
        requests: some(2_000),
        withinMs,
        padding: { kind: 'history', bytes: 50_000 },
      },
      per: 'request',
      columns: ['cpu', 'rps'],
    },
    {
      name: 'image',
      title: 'Requests with a 5 MB picture, 2 connections',
      job: {
        script: plain,
        connections: 2,
        requests: some(60, 12),
        withinMs,
        padding: { kind: 'image', bytes: 5_000_000 },
      },
      per: 'request',
      columns: ['cpu', 'rps'],
    },
  ];
}
