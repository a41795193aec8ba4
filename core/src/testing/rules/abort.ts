import type { ChatEvent, Task } from '../../sdk/index.ts';
import { isOutput, quote } from '../answer.ts';
import { within } from '../deadline.ts';
import type { LoadedModel } from '../model.ts';
import { given, must, type Rule, Violation } from '../rule.ts';

const tasks = ['chat', 'complete'] as const;

export const abort: readonly Rule[] = [
  {
    name: 'abort-before-start-computes-nothing',
    sentence: 'A call whose signal has aborted already gives no output and ends soon',
    tasks,
    after: ['streams-text'],
    async run(trial, task) {
      const model = await trial.model();
      const { soonMs } = trial.limits;
      let output = 0;
      const reading = read(model.stream(task, model.prompts[0], model.greedy, AbortSignal.abort()), (event) => {
        if (isOutput(event)) output++;
      });
      await within(soonMs, reading, () => new Violation(`the call had not ended after ${soonMs} ms`));
      must(output === 0, `the call gave ${output} pieces of output`);
    },
  },
  {
    name: 'abort-stops-soon',
    sentence: 'A call that is aborted in the middle of its answer ends soon',
    tasks,
    after: ['streams-text'],
    async run(trial, task) {
      const model = await trial.model();
      const [prompt] = await model.longest(task);
      const controller = new AbortController();
      const aborted = Promise.withResolvers<void>();
      let finished = false;
      let output = 0;
      const reading = read(model.stream(task, prompt, { temperature: 0 }, controller.signal), (event) => {
        finished ||= event.type === 'finish' && !controller.signal.aborted;
        if (!isOutput(event) || ++output !== 3) return;
        controller.abort();
        aborted.resolve();
      });
      await Promise.race([aborted.promise, reading]);
      given(
        controller.signal.aborted && !finished,
        'no answer is longer than two pieces: add a prompt with a longer answer',
      );
      const { soonMs } = trial.limits;
      await within(soonMs, reading, () => new Violation(`the call went on for more than ${soonMs} ms after its abort`));
    },
  },
  {
    name: 'abort-in-the-prompt-stops-soon',
    sentence: 'A call that is aborted while its prompt is computed ends soon',
    tasks,
    after: ['abort-stops-soon'],
    async run(trial, task) {
      const model = await trial.model();
      const { contextLength } = model.facts;
      given(contextLength !== undefined, 'the model does not say how long its context is');
      const prompt = 'word '.repeat(Math.ceil(contextLength / 8));
      const controller = new AbortController();
      const reading = read(model.stream(task, prompt, { ...model.greedy, max_tokens: 1 }, controller.signal), () => {});
      await Promise.race([pause(5), reading]);
      controller.abort();
      const { soonMs } = trial.limits;
      await within(soonMs, reading, () => new Violation(`the call went on for more than ${soonMs} ms after its abort`));
    },
  },
  {
    name: 'many-aborts-leave-it-working',
    sentence: 'After 50 calls broken off at varied points, the answers are what they were',
    tasks,
    after: ['abort-stops-soon', 'abort-in-the-prompt-stops-soon', 'same-request-same-answer'],
    async run(trial, task) {
      const model = await trial.model();
      const before = await model.answers(task);
      for (let call = 0; call < 50; call++) await breakOff(model, task, call);
      for (const [prompt, answer] of before) {
        const { said, finish } = await model.ask(task, prompt, model.greedy);
        must(finish !== undefined, `${quote(prompt)} gets no whole answer after the aborts`);
        must(
          said === answer.said || !model.honours('temperature'),
          `${quote(prompt)} got ${quote(answer.said)} before the aborts, and ${quote(said)} after them`,
        );
      }
    },
  },
];

/** Ends a call early: in its prompt, or after some output; by its signal, or by reading no further. */
async function breakOff(model: LoadedModel, task: Task, call: number): Promise<void> {
  const controller = new AbortController();
  const prompt = model.prompts[call % model.prompts.length] as string;
  const stopAfter = (call * 7) % 23;
  if (stopAfter === 0) setImmediate(() => controller.abort());
  let output = 0;
  try {
    for await (const event of model.stream(task, prompt, model.greedy, controller.signal)) {
      if (!isOutput(event) || ++output !== stopAfter) continue;
      if (call % 2 === 0) break;
      controller.abort();
    }
  } catch (thrown) {
    if (!controller.signal.aborted) throw thrown;
  }
}

/** Reads to the end, however it ends. */
async function read(events: AsyncIterable<ChatEvent>, take: (event: ChatEvent) => void): Promise<void> {
  try {
    for await (const event of events) take(event);
  } catch {
    // An aborted call may reject.
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
