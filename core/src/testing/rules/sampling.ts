import type { Sampling, Task } from '../../sdk/index.ts';
import { Finisher } from '../../text/index.ts';
import { type Answer, quote, spoken } from '../answer.ts';
import type { LoadedModel } from '../model.ts';
import { given, must, type Rule } from '../rule.ts';

const tasks = ['chat', 'complete'] as const;
const after = ['finish-is-last'] as const;

export const sampling: readonly Rule[] = [
  {
    name: 'same-request-same-answer',
    sentence: 'At temperature 0 the same request gets the same answer again',
    tasks,
    after,
    async run(trial, task) {
      const model = await trial.model();
      model.mustRepeat();
      for (const [prompt, answer] of await model.answers(task)) {
        await mustSay(model, task, prompt, model.greedy, answer);
      }
    },
  },
  {
    name: 'seed-repeats',
    sentence: 'At temperature 1 the same seed gets the same answer again',
    tasks,
    after,
    async run(trial, task) {
      const model = await trial.model();
      given(model.honours('seed'), 'the model does not honour seed');
      const seeded: Sampling = { ...model.greedy, temperature: 1, seed: 42 };
      const [prompt] = await model.longest(task);
      const answer = await model.ask(task, prompt, seeded);
      for (let again = 0; again < 3; again++) await mustSay(model, task, prompt, seeded, answer);
    },
  },
  {
    name: 'max-tokens-is-kept',
    sentence: 'An answer that reaches max_tokens has exactly that many tokens and finishes with length',
    tasks,
    after,
    async run(trial, task) {
      const model = await trial.model();
      given(model.honours('max_tokens'), 'the model does not honour max_tokens');
      const [prompt, whole] = await model.longest(task);
      const length = count(whole);
      given(length !== undefined, 'the backend counts no tokens, neither in its pieces nor in usage');
      for (const limit of [1, 2, 5, 13].filter((limit) => limit < length)) {
        const cut = await model.ask(task, prompt, { temperature: 0, max_tokens: limit });
        must(count(cut) === limit, `with max_tokens ${limit} the answer has ${count(cut)} tokens`);
        must(cut.finish === 'length', `with max_tokens ${limit} it finished with ${cut.finish}, not length`);
      }
      given(length > 1, 'no answer is longer than one token: add a prompt with a longer answer');
    },
  },
  {
    name: 'logprobs-match-tokens',
    sentence: 'With logprobs every piece of text carries one for each of its tokens, none above 0',
    tasks,
    after,
    async run(trial, task) {
      const model = await trial.model();
      given(model.honours('logprobs'), 'the model does not honour logprobs');
      const wanted: Sampling = {
        ...model.greedy,
        logprobs: true,
        ...(model.honours('top_logprobs') && { top_logprobs: 3 }),
      };
      for (const prompt of model.prompts) {
        for (const { text, tokens, logprobs } of (await model.ask(task, prompt, wanted)).all('text')) {
          must(logprobs !== undefined, `the piece ${quote(text)} has no logprobs`);
          must(
            tokens === undefined || tokens === logprobs.length,
            `the piece ${quote(text)} stands for ${tokens} tokens and has ${logprobs.length} logprobs`,
          );
          for (const { token, logprob, top_logprobs } of logprobs) {
            must(
              logprob <= 0,
              `the token ${quote(token)} has the logprob ${logprob}, which is no logarithm of a probability`,
            );
            must(
              top_logprobs.length <= 3,
              `the token ${quote(token)} has ${top_logprobs.length} alternatives, 3 were asked for`,
            );
          }
        }
      }
    },
  },
  {
    name: 'json-mode-gives-json',
    sentence: 'With response_format json_object a whole answer is a JSON object',
    tasks: ['chat'],
    after,
    async run(trial) {
      const model = await trial.model();
      given(model.honours('response_format'), 'the model does not honour response_format');
      const request = { ...model.greedy, max_tokens: 256, response_format: { type: 'json_object' } };
      let whole = 0;
      for (const prompt of model.prompts) {
        const answer = await model.ask('chat', `${prompt} Answer in JSON.`, request);
        if (answer.finish !== 'stop') continue;
        whole++;
        const text = content(answer, model);
        must(isObject(text), `the answer is not a JSON object: ${quote(text)}`);
      }
      given(whole > 0, 'no answer ended within 256 tokens');
    },
  },
];

async function mustSay(model: LoadedModel, task: Task, prompt: string, asked: Sampling, answer: Answer): Promise<void> {
  const { said } = await model.ask(task, prompt, asked);
  must(said === answer.said, `${quote(prompt)} got ${quote(answer.said)}, and then ${quote(said)}`);
}

function count({ usage, tokens }: Answer): number | undefined {
  return usage?.completionTokens ?? tokens;
}

/** The answer without reasoning, as the core would send it. */
function content({ events }: Answer, { facts }: LoadedModel): string {
  const finisher = new Finisher({ dialect: facts.dialect, reasoning: 'hidden', tools: false, stop: [] });
  return events
    .flatMap((event) => finisher.push(event))
    .map((event) => spoken(event))
    .join('');
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
