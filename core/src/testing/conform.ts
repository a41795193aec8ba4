import { rules } from './rules/index.ts';
import { type Options, type Result, Session } from './session.ts';
import type { Subject } from './subject.ts';

export interface Report {
  /** No rule failed. */
  readonly passed: boolean;
  /** One per rule, in their order. */
  readonly results: readonly Result[];
}

/** Runs every rule against a backend. Throws when the subject itself is wrong: no such plugin, refused options. */
export async function conform(subject: Subject, options: Options = {}): Promise<Report> {
  const session = await Session.open(subject, options);
  const results: Result[] = [];
  try {
    for (const rule of rules) results.push(await session.run(rule));
  } finally {
    await session.close();
  }
  return { passed: results.every(({ status }) => status !== 'failed'), results };
}

/** What vitest and node:test have in common. */
export interface Runner {
  readonly test: (name: string, run: (context: { skip(why?: string): void }) => Promise<void>) => unknown;
  /** `afterAll` of vitest, `after` of node:test. */
  readonly after: (run: () => Promise<void>) => unknown;
}

/** Registers one test per rule. A rule that does not apply is skipped, with the reason where the runner shows it. */
export function testConformance(subject: Subject, { test, after }: Runner, options: Options = {}): void {
  let session: Promise<Session> | undefined;
  for (const rule of rules) {
    test(`${rule.name}: ${rule.sentence}`, async (context) => {
      session ??= Session.open(subject, options);
      const { status, why } = await (await session).run(rule);
      if (status === 'failed') throw new Error(why);
      if (status === 'not applicable') context.skip(why);
    });
  }
  after(async () => (await session)?.close());
}
