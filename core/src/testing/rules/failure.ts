import { Failure, failures, type Task, tasks } from '../../sdk/index.ts';
import { Answer, quote } from '../answer.ts';
import type { LoadedModel } from '../model.ts';
import { given, must, type Rule } from '../rule.ts';

/** No vocabulary has it, and the core lets it through: only the backend knows its tokens. */
const noToken = 2_147_483_647;

export const failure: readonly Rule[] = [
  {
    name: 'too-long-prompt-is-refused',
    sentence: 'A prompt longer than the context throws a Failure with the code context_length_exceeded',
    tasks: ['chat', 'complete'],
    after: ['streams-text'],
    async run(trial, task) {
      const model = await trial.model();
      const { contextLength } = model.facts;
      given(contextLength !== undefined, 'the model does not say how long its context is');
      const prompt = 'one two three '.repeat(contextLength);
      const thrown = await thrownBy(model.ask(task, prompt, { max_tokens: 1 }));
      must(
        thrown !== nothing,
        `a prompt of ${contextLength * 3} words got an answer from a context of ${contextLength} tokens`,
      );
      must(thrown instanceof Failure, `a prompt that is too long threw ${describe(thrown)}`);
      must(thrown.code === 'context_length_exceeded', `a prompt that is too long threw ${describe(thrown)}`);
    },
  },
  {
    name: 'errors-are-failures',
    sentence: 'What a client sent wrong is answered, or throws a Failure with a sentence and a status from 400 to 499',
    after: ['load-once-resolves-with-facts', 'has-a-task'],
    async run(trial) {
      const model = await trial.model();
      for (const [what, ask] of wrongRequests(model)) {
        const thrown = await thrownBy(Promise.try(ask));
        if (thrown === nothing) continue;
        must(thrown instanceof Failure, `${what} threw ${describe(thrown)} instead of a Failure`);
        const [status] = failures[thrown.code];
        must(status >= 400 && status < 500, `${what} threw a Failure with the status ${status}: ${describe(thrown)}`);
        must(thrown.message.trim().length > 0, `${what} threw a Failure without a sentence`);
      }
    },
  },
];

function wrongRequests(model: LoadedModel): [what: string, ask: () => Promise<unknown>][] {
  const { instance } = model;
  const request = { model: 'conformance', extra: {} };
  const requests: Record<Task, [what: string, ask: () => Promise<unknown>][]> = {
    chat: [
      [
        'a chat without messages',
        async () => Answer.of(required(model).chat({ ...request, messages: [] }, model.call())),
      ],
      [
        'a chat that ends with the result of a tool call nobody made',
        async () => {
          const messages = [{ role: 'tool', content: '42', tool_call_id: 'call_1' }] as const;
          return Answer.of(required(model).chat({ ...request, messages }, model.call()));
        },
      ],
    ],
    complete: [
      ['a completion of no token', async () => Answer.of(model.stream('complete', []))],
      [`a completion of the token ${noToken}`, async () => Answer.of(model.stream('complete', [noToken]))],
    ],
    embed: [
      ['an embedding of an empty text', () => model.embed([''])],
      [`an embedding of the token ${noToken}`, () => model.embed([[noToken]])],
    ],
    transcribe: [
      ['a transcription of no bytes', () => model.transcribe(new Uint8Array())],
      ['a transcription of what is no recording', () => model.transcribe(Buffer.from('nothing is heard here'))],
    ],
  };
  return tasks.flatMap((task) => (instance[task] ? requests[task] : []));
}

function required({ instance }: LoadedModel) {
  return instance as Required<typeof instance>;
}

const nothing = Symbol('nothing');

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return nothing;
  } catch (thrown) {
    return thrown;
  }
}

function describe(thrown: unknown): string {
  if (thrown instanceof Failure) return `the Failure ${thrown.code} ${quote(thrown.message)}`;
  return thrown instanceof Error ? `${thrown.name} ${quote(thrown.message)}` : String(thrown);
}
