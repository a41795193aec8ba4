import { interleave } from './rounds.ts';
import type { Shape } from './shape.ts';
import { tiny } from './shape.ts';
import type { Report } from './speed.ts';
import type { Subject } from './subject.ts';
import { figure, median, table } from './table.ts';

const prompts = [16, 700];

/** Time to the first token, one request at a time. */
export async function first(shape: Shape, subjects: readonly Subject[], rounds: number): Promise<Report> {
  const rows: string[][] = [];
  for (const prompt of prompts) {
    const requests = shape === tiny ? rounds * 8 : rounds;
    const samples = await interleave(subjects, { streams: 1, prompt, tokens: 2 }, requests);
    const p50 = (name: string) => median((samples.get(name) ?? []).flatMap(({ firstMs }) => firstMs));
    for (const name of samples.keys()) {
      rows.push([
        `${prompt}`,
        name,
        figure(p50(name)),
        name === 'backplane' ? '' : figure(p50('backplane') / p50(name)),
      ]);
    }
  }
  const head = ['prompt tokens', 'subject', 'TTFT p50, ms', 'backplane takes ×'];
  return { title: `Time to first token, ${shape.name} shape`, text: table(head, rows), goals: [] };
}
