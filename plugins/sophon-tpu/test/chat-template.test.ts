import type { Message, Tool } from '@backplane/core/sdk';
import type { TemplateMessage } from '@backplane/core/text';
import { describe, expect, it } from 'vitest';
import { type Medium, Prompts } from '../src/prompt.ts';
import { golden } from './goldens.ts';
import { qwen } from './model.ts';

interface Row {
  readonly name: string;
  readonly messages: readonly { readonly content: string | readonly { readonly type: string }[] }[];
  readonly tools: readonly Tool[] | null;
  readonly add_generation_prompt: boolean;
  readonly add_vision_id: boolean;
  readonly text: string;
  readonly ids: readonly number[];
}
const { rows } = golden<{ readonly rows: readonly Row[] }>('chat_template');

describe('the chat template', () => {
  it.each(rows)('is rendered as by transformers: $name, prompt $add_generation_prompt, ids $add_vision_id', (row) => {
    const text = qwen.chatTemplate.render({
      messages: row.messages as readonly TemplateMessage[],
      tools: row.tools ?? undefined,
      kwargs: { add_vision_id: row.add_vision_id },
      addGenerationPrompt: row.add_generation_prompt,
    });
    expect(text).toBe(row.text);
    expect(qwen.tokenizer.encode(text)).toEqual(row.ids);
  });
});

/** A picture of one token leaves a prompt as the template wrote it; a video never does. */
const pixel: Medium = { kind: 'image', grid: { rows: 2, columns: 2 } };

describe.each([true, false])('a prompt made by it, with control tokens escaped: %s', (escapeSpecialTokens) => {
  const prompts = new Prompts(qwen, { escapeSpecialTokens });
  const comparable = rows.filter(
    ({ name }) => name !== 'video' && !(escapeSpecialTokens && name === 'special_in_user'),
  );

  it.each(comparable)('has the same tokens: $name, prompt $add_generation_prompt, ids $add_vision_id', (row) => {
    const parts = row.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
    const { ids } = prompts.chat({
      messages: row.messages as unknown as readonly Message[],
      tools: row.tools ?? undefined,
      kwargs: { add_vision_id: row.add_vision_id },
      addGenerationPrompt: row.add_generation_prompt,
      media: parts.filter(({ type }) => type === 'image_url').map(() => pixel),
    });
    expect([...ids]).toEqual(row.ids);
  });
});
