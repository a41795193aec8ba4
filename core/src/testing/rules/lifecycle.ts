import { dialects, granularities, tasks } from '../../sdk/index.ts';
import { within } from '../deadline.ts';
import { must, type Rule, Violation } from '../rule.ts';

/** An unused instance must be let go of quickly, however long a model takes to load. */
const loadSettlesWithin = 10;

export const lifecycle: readonly Rule[] = [
  {
    name: 'unload-without-load-resolves',
    sentence: 'An instance that was never loaded can be unloaded',
    async run(trial) {
      await trial.release();
      const { instance } = await trial.place();
      await instance.unload();
    },
  },
  {
    name: 'load-abort-settles-soon',
    sentence: 'A load that is aborted rejects or resolves within ten times what counts as soon, and unload then works',
    async run(trial) {
      await trial.release();
      const { instance } = await trial.place();
      const controller = new AbortController();
      const settled = instance.load(controller.signal).then(
        () => {},
        () => {},
      );
      controller.abort();
      const ms = trial.limits.soonMs * loadSettlesWithin;
      await within(ms, settled, () => new Violation(`load had not settled ${ms} ms after its signal aborted`));
      await instance.unload();
    },
  },
  {
    name: 'load-once-resolves-with-facts',
    sentence: 'One call of load resolves with the facts',
    async run(trial) {
      const { facts } = await trial.model();
      must(
        typeof facts === 'object' && facts !== null,
        'load resolved with no facts: resolve with {} if there are none',
      );
    },
  },
  {
    name: 'facts-are-cloneable-and-sane',
    sentence: 'Facts survive a structured clone, and their values mean something',
    after: ['load-once-resolves-with-facts'],
    async run(trial) {
      const { facts } = await trial.model();
      const { contextLength, dialect, details, parameters, slots, timings = [] } = structuredClone(facts);
      const counts = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value >= 1);
      must(counts(slots), `slots is ${slots}: give a whole number, 1 or more`);
      must(counts(contextLength), `contextLength is ${contextLength}: give a whole number, 1 or more`);
      must(
        dialect === undefined || dialects.includes(dialect),
        `the dialect ${dialect} is unknown: the core reads ${dialects.join(', ')}`,
      );
      const unknown = timings.find((timing) => !granularities.includes(timing));
      must(unknown === undefined, `the timing ${unknown} is unknown: there are ${granularities.join(', ')}`);
      const named = Array.isArray(parameters) && parameters.every((name) => typeof name === 'string');
      must(
        parameters === undefined || parameters === 'any' || named,
        "parameters is neither a list of names nor 'any'",
      );
      for (const [name, value] of Object.entries(details ?? {})) {
        must(
          ['string', 'number', 'boolean'].includes(typeof value),
          `details.${name} is neither a string nor a number nor a boolean`,
        );
        must(
          !(typeof value === 'string' && value.includes(trial.subject.directory)),
          `details.${name} shows a path of the machine, and clients can read it`,
        );
      }
    },
  },
  {
    name: 'has-a-task',
    sentence: 'A loaded instance has at least one of chat, complete, embed and transcribe',
    after: ['load-once-resolves-with-facts'],
    async run(trial) {
      const { instance } = await trial.model();
      must(
        tasks.some((task) => typeof instance[task] === 'function'),
        'the instance has none of chat, complete, embed and transcribe',
      );
    },
  },
];

/** Last, since it ends the instance that the other rules share. */
export const unloading: Rule = {
  name: 'unload-after-load-resolves',
  sentence: 'Unload of an instance that was loaded and has answered resolves',
  after: ['load-once-resolves-with-facts', 'streams-text'],
  async run(trial) {
    const model = await trial.loadAnew();
    const task = (['chat', 'complete'] as const).find((task) => model.instance[task]);
    if (task) await model.ask(task, model.prompts[0], { max_tokens: 1 });
    await model.instance.unload();
  },
};
