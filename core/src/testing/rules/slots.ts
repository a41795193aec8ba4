import type { ChatEvent } from '../../sdk/index.ts';
import { quote, spoken } from '../answer.ts';
import { within } from '../deadline.ts';
import { given, must, type Rule, Violation } from '../rule.ts';

export const slots: Rule = {
  name: 'slots-serve-at-once',
  sentence: 'As many calls as the facts have slots run side by side, each with the answer that it has alone',
  tasks: ['chat', 'complete'],
  after: ['finish-is-last', 'same-request-same-answer'],
  async run(trial, task) {
    const model = await trial.model();
    const count = Math.min(model.slots, 8);
    given(count > 1, 'the model has one slot');
    const alone = [...(await model.answers(task))];
    const asked = Array.from({ length: count }, (_, at) => alone[at % alone.length] as (typeof alone)[number]);
    const calls = asked.map(([prompt]) => model.stream(task, prompt, model.greedy)[Symbol.asyncIterator]());
    // None is read on before all have begun.
    const firsts = await begun(calls, trial.limits.timeoutMs / 2);
    const said = await Promise.all(calls.map(async (events, at) => (firsts[at] ?? '') + (await rest(events))));
    if (!model.honours('temperature')) return;
    for (const [at, [prompt, answer]] of asked.entries()) {
      must(
        said[at] === answer.said,
        `beside ${count - 1} other calls, ${quote(prompt)} got ${quote(said[at] ?? '')} instead of ${quote(answer.said)}`,
      );
    }
  },
};
/** What the first event of each call says, once all have one. */
async function begun(calls: readonly AsyncIterator<ChatEvent>[], ms: number): Promise<string[]> {
  let count = 0;
  const firsts = calls.map(async (events) => {
    const { value, done } = await events.next();
    count++;
    return done === true ? '' : spoken(value);
  });
  return within(
    ms,
    Promise.all(firsts),
    () => new Violation(`only ${count} of ${calls.length} calls began while the others were held open`),
  );
}

async function rest(events: AsyncIterator<ChatEvent>): Promise<string> {
  let text = '';
  for (let next = await events.next(); next.done !== true; next = await events.next()) text += spoken(next.value);
  return text;
}
