import { quote } from '../answer.ts';
import { given, must, type Rule } from '../rule.ts';

export const isolation: Rule = {
  name: 'same-answer-in-every-isolation',
  sentence: 'At temperature 0 the answers are the same in every isolation that the backend allows',
  tasks: ['chat', 'complete'],
  after: ['same-request-same-answer'],
  async run(trial, task) {
    const { subject } = trial;
    const others = subject.isolations.filter((isolation) => isolation !== subject.isolation);
    given(others.length > 0, `the backend runs in one isolation only: ${subject.isolation}`);
    const model = await trial.model();
    model.mustRepeat();
    const here = await model.answers(task);
    for (const isolation of others) {
      const there = await (await trial.loadAnew(isolation)).answers(task);
      for (const [prompt, { said }] of here) {
        const other = there.get(prompt)?.said ?? '';
        must(
          other === said,
          `${quote(prompt)} got ${quote(said)} in isolation ${subject.isolation}, and ${quote(other)} in ${isolation}`,
        );
      }
    }
    await trial.release();
  },
};
