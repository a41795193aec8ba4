import type { Model, ModelCall } from '../models/model.ts';
import { addUsage, Choice, type Generation } from '../openai/generation.ts';
import { type ChatEvent, Failure, type Usage } from '../sdk/index.ts';
// Not the kit's index: chat templates are the backends' business and would be loaded with it.
import { Finisher } from '../text/finish.ts';

/** Where the events of an answer go. A promise means: wait, the reader is slow. */
export type Take = (choice: number, event: ChatEvent) => Promise<void> | undefined;

/**
 * Runs every choice of a generation, at most as many at once as the model has slots, and finishes what the engine says:
 * stop strings, reasoning, tool calls. Resolves with the usage of all of them. The first failure ends the others.
 */
export async function generate(model: Model, generation: Generation, call: ModelCall, take: Take): Promise<Usage> {
  const { requests, choicesPerPrompt } = generation;
  if (requests.length === 1) return (await generateChoice(model, generation, 0, call, take)) ?? noUsage;
  const stop = new AbortController();
  const signal = AbortSignal.any([call.signal, stop.signal]);
  const { id, principal, log } = call;
  const within: ModelCall = {
    id,
    principal,
    log,
    signal,
    media: (url) => call.media(url),
    admitted: (instance, waitedMs) => call.admitted?.(instance, waitedMs),
  };
  const usages: (Usage | undefined)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < requests.length) {
      const choice = next++;
      usages[choice] = await generateChoice(model, generation, choice, within, take);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(model.slots, requests.length) }, work));
  } catch (thrown) {
    stop.abort(Failure.from(thrown));
    throw thrown;
  }
  return addUsage(usages, choicesPerPrompt);
}

const noUsage: Usage = { promptTokens: 0, completionTokens: 0 };

async function generateChoice(
  model: Model,
  { task, requests, finishing }: Generation,
  choice: number,
  call: ModelCall,
  take: Take,
): Promise<Usage | undefined> {
  const finisher = new Finisher(finishing);
  let usage: Usage | undefined;
  const give = async (events: readonly ChatEvent[]): Promise<void> => {
    for (const event of events) {
      if (event.type === 'usage') usage = event.usage;
      else await take(choice, event);
    }
  };
  for await (const event of model.stream(task, requests[choice] as Generation['requests'][number], call)) {
    const events = finisher.push(event);
    // Most pushes give nothing or one event to a reader that keeps up: no promise for those.
    if (events.length > 0) await give(events);
    if (!finisher.stopped) continue;
    await give(finisher.close());
    break;
  }
  return usage;
}

/** Gathers an answer that is not streamed. */
export async function gather(
  model: Model,
  generation: Generation,
  call: ModelCall,
  told: (event: ChatEvent) => void,
): Promise<{ readonly choices: readonly Choice[]; readonly usage: Usage }> {
  const choices = generation.requests.map(() => new Choice());
  const usage = await generate(model, generation, call, (choice, event) => {
    choices[choice]?.add(event);
    told(event);
    return undefined;
  });
  return { choices, usage };
}
