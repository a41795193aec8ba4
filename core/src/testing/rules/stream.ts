import type { Task } from '../../sdk/index.ts';
import { type Answer, quote, spoken } from '../answer.ts';
import { given, must, type Rule } from '../rule.ts';
import type { Trial } from '../trial.ts';

type Check = (answer: Answer) => void;

/** The rule holds for the answers to all prompts. */
const everyAnswer = (check: Check) => async (trial: Trial, task: Task) => {
  for (const answer of (await (await trial.model()).answers(task)).values()) check(answer);
};

const tasks = ['chat', 'complete'] as const;

export const stream: readonly Rule[] = [
  {
    name: 'streams-text',
    sentence: 'A chat or a completion gives text, reasoning or a tool call',
    tasks,
    after: ['load-once-resolves-with-facts', 'has-a-task'],
    async run(trial, task) {
      // One of them may rightly be empty.
      const answers = [...(await (await trial.model()).answers(task)).values()];
      must(
        answers.some(({ said }) => said !== ''),
        'the answers to all prompts are empty',
      );
    },
  },
  {
    name: 'started-comes-first-and-once',
    sentence: 'A started event comes before all others, and once',
    tasks,
    after: ['streams-text'],
    run: everyAnswer((answer) => {
      const count = answer.all('started').length;
      given(count > 0, 'the backend does not say when it has computed the prompt');
      must(count === 1, `started came ${count} times`);
      must(answer.events[0]?.type === 'started', `started came after ${answer.events[0]?.type}`);
    }),
  },
  {
    name: 'finish-comes-exactly-once',
    sentence: 'Every whole answer has one finish event',
    tasks,
    after: ['streams-text'],
    run: everyAnswer((answer) => {
      const count = answer.all('finish').length;
      must(count > 0, 'the answer ended without a finish event: to the core it looks cut off');
      must(count === 1, `finish came ${count} times`);
    }),
  },
  {
    name: 'finish-is-last',
    sentence: 'Nothing follows the finish event but one usage event',
    tasks,
    after: ['finish-comes-exactly-once'],
    run: everyAnswer(({ events }) => {
      const finish = events.findIndex(({ type }) => type === 'finish');
      const [usage, ...rest] = events.slice(finish + 1).map(({ type }) => type);
      must(usage === undefined || usage === 'usage', `${usage} came after finish`);
      must(rest.length === 0, `${rest[0]} came after finish and usage`);
      must(!events.slice(0, finish).some(({ type }) => type === 'usage'), 'usage came before finish');
    }),
  },
  {
    name: 'no-event-after-end',
    sentence: 'An iterator that has ended stays ended',
    tasks,
    after: ['streams-text'],
    async run(trial, task) {
      const model = await trial.model();
      const events = model.stream(task, model.prompts[0], model.greedy)[Symbol.asyncIterator]();
      while ((await events.next()).done !== true);
      const next = await events.next();
      must(next.done === true, `after its end the iterator gave ${next.value?.type}`);
    },
  },
  {
    name: 'text-is-whole-characters',
    sentence: 'A piece of text never ends or begins inside a character',
    tasks,
    after: ['streams-text'],
    async run(trial, task) {
      let beyondAscii = false;
      for (const answer of (await (await trial.model()).answers(task)).values()) {
        let before = '';
        for (const piece of answer.pieces) {
          const text = spoken(piece);
          must(text.isWellFormed(), `the piece ${quote(text)} has half of a UTF-16 pair`);
          // One alone may stand for bytes that the model really made and that are no character.
          must(
            !(before.endsWith('\ufffd') && text.startsWith('\ufffd')),
            `the pieces ${quote(before)} and ${quote(text)} look like one character cut in two`,
          );
          beyondAscii ||= /\P{ASCII}/u.test(text);
          before = text;
        }
      }
      given(beyondAscii, 'no answer had a character beyond ASCII: add a prompt whose answer has some');
    },
  },
  {
    name: 'usage-adds-up',
    sentence: 'Usage counts the tokens that the pieces and the started event count',
    tasks,
    after: ['finish-is-last'],
    run: everyAnswer((answer) => {
      const { usage, tokens } = answer;
      given(usage !== undefined, 'the backend sends no usage');
      const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = usage;
      must(promptTokens > 0, `usage says that the prompt has ${promptTokens} tokens`);
      must(
        tokens === undefined || tokens === completionTokens,
        `the pieces stand for ${tokens} tokens, but usage says ${completionTokens}`,
      );
      must(cachedTokens <= promptTokens, `usage says ${cachedTokens} cached tokens of a prompt of ${promptTokens}`);
      must(
        reasoningTokens <= completionTokens,
        `usage says ${reasoningTokens} reasoning tokens in an answer of ${completionTokens}`,
      );
      const started = answer.all('started')[0];
      must(
        started === undefined || started.estimated || started.promptTokens === promptTokens,
        `started says ${started?.promptTokens} prompt tokens, but usage says ${promptTokens}`,
      );
    }),
  },
];
