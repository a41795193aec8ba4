import type { ChatEvent, FinishReason, Usage } from '../sdk/index.ts';

type Event<Type extends ChatEvent['type']> = Extract<ChatEvent, { type: Type }>;

/** The events of one call, and what they come to. */
export class Answer {
  readonly events: readonly ChatEvent[];

  constructor(events: readonly ChatEvent[]) {
    this.events = events;
  }

  static async of(stream: AsyncIterable<ChatEvent>): Promise<Answer> {
    const events: ChatEvent[] = [];
    for await (const event of stream) events.push(event);
    return new Answer(events);
  }

  all<Type extends ChatEvent['type']>(type: Type): readonly Event<Type>[] {
    return this.events.filter((event): event is Event<Type> => event.type === type);
  }

  /** Events that carry output. */
  get pieces(): readonly Event<'text' | 'reasoning' | 'tool_call'>[] {
    return this.events.filter((event) => isOutput(event));
  }

  /** All that was said, so that two answers can be compared. */
  get said(): string {
    return this.events.map((event) => spoken(event)).join('');
  }

  get text(): string {
    return this.all('text')
      .map(({ text }) => text)
      .join('');
  }

  /** What its pieces say they stand for; undefined when they do not say, or only guess. */
  get tokens(): number | undefined {
    if (this.all('started')[0]?.estimated) return undefined;
    const counts = this.pieces.map(({ tokens }) => tokens);
    return counts.every((count) => count !== undefined) ? counts.reduce((sum, count) => sum + count, 0) : undefined;
  }

  get finish(): FinishReason | undefined {
    return this.all('finish')[0]?.reason;
  }

  get usage(): Usage | undefined {
    return this.all('usage')[0]?.usage;
  }
}

export function isOutput(event: ChatEvent): event is Event<'text' | 'reasoning' | 'tool_call'> {
  return event.type === 'text' || event.type === 'reasoning' || event.type === 'tool_call';
}

/** What an event adds to the answer. */
export function spoken(event: ChatEvent): string {
  if (event.type === 'tool_call') return `${event.name ?? ''}${event.arguments ?? ''}`;
  return event.type === 'text' || event.type === 'reasoning' ? event.text : '';
}

/** How an answer looks in a failure's sentence. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
