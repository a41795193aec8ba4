import type { Health } from '../../sdk/index.ts';
import { within } from '../deadline.ts';
import { given, must, type Rule, Violation } from '../rule.ts';

export const health: Rule = {
  name: 'health-answers-while-busy',
  sentence: 'Health answers soon in the middle of an answer, and does not call a serving instance failed',
  tasks: ['chat', 'complete'],
  after: ['streams-text'],
  async run(trial, task) {
    const model = await trial.model();
    const { instance } = model;
    given(instance.health !== undefined, 'the instance has no health: it counts as ready for as long as it lives');
    const [prompt] = await model.longest(task);
    const { soonMs } = trial.limits;
    for await (const _ of model.stream(task, prompt, model.greedy)) {
      const asked = Promise.resolve(instance.health());
      const late = () => new Violation(`health had not answered after ${soonMs} ms`);
      const state: Health = await within(soonMs, asked, late);
      if (state.status === 'ready') continue;
      must(state.status === 'degraded', `health said ${state.status} while the instance served`);
      must(state.reason.length > 0, 'health said degraded without a reason');
    }
  },
};
