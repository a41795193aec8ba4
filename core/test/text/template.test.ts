import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Failure, type Message, type Tool } from '../../src/sdk/index.ts';
import { compileTemplate, describeTemplate, opensReasoning, type TemplateMessage } from '../../src/text/index.ts';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const qwen = compileTemplate(fixture('qwen3vl.jinja'));
const tiny = compileTemplate(fixture('tiny.jinja'));

interface Row {
  readonly name: string;
  readonly messages: readonly TemplateMessage[];
  readonly tools: readonly Tool[] | null;
  readonly add_generation_prompt: boolean;
  readonly add_vision_id: boolean;
  readonly text: string;
}

function failure(act: () => unknown): Failure {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error('expected a Failure');
}

describe('the Qwen3-VL format, as transformers renders it', () => {
  const rows: readonly Row[] = JSON.parse(fixture('qwen3vl.json'));
  it.each(rows)('$name, prompt $add_generation_prompt, vision ids $add_vision_id', (row) => {
    const prompt = qwen.render({
      messages: row.messages,
      tools: row.tools ?? undefined,
      kwargs: { add_vision_id: row.add_vision_id },
      addGenerationPrompt: row.add_generation_prompt,
    });
    expect(prompt).toBe(row.text);
  });

  it.each(rows.filter((row) => !row.text.includes('<|vision_start|>')))('$name by a text-only template', (row) => {
    const { messages, tools, add_generation_prompt } = row;
    const prompt = tiny.render({ messages, tools: tools ?? undefined, addGenerationPrompt: add_generation_prompt });
    expect(prompt).toBe(row.text);
  });
});

describe('messages', () => {
  const show = '{% for m in messages %}[{{ m.role }}|{{ m.content }}]{% endfor %}';
  const parts = (...texts: string[]): Message => ({
    role: 'user',
    content: texts.map((text) => ({ type: 'text', text })),
  });

  it('a generation prompt is asked for unless the caller says otherwise', () => {
    const template = compileTemplate('{% if add_generation_prompt %}go{% endif %}');
    expect(template.render({ messages: [] })).toBe('go');
    expect(template.render({ messages: [], addGenerationPrompt: false })).toBe('');
  });

  it('text parts become one string, joined by newlines for a template that knows strings only', () => {
    expect(compileTemplate(show).render({ messages: [parts('你好', '世界')] })).toBe('[user|你好\n世界]');
  });

  it('text parts are joined as the template itself would, if it handles parts', () => {
    expect(qwen.render({ messages: [parts('a', 'b')], addGenerationPrompt: false })).toContain('\nab<|im_end|>');
  });

  it('a template that knows parts only is given parts', () => {
    const template = compileTemplate(
      '{% for m in messages %}{% for p in m.content %}{% if p.type == "text" %}<{{ p.text }}>{% endif %}{% endfor %}{% endfor %}',
    );
    expect(template.render({ messages: [{ role: 'user', content: 'hi' }, parts('a', 'b')] })).toBe('<hi><a><b>');
  });

  it('an image for a template that knows strings only is refused, naming the message', () => {
    const image: Message = {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
    };
    const refused = failure(() => compileTemplate(show).render({ messages: [parts('a'), image] }));
    expect(refused).toMatchObject({ code: 'invalid_request', param: 'messages.1.content' });
    expect(refused.message).toContain('image_url');
  });

  it('developer becomes system, and absent content becomes an empty string', () => {
    const messages: Message[] = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'assistant', content: null },
    ];
    expect(compileTemplate(show).render({ messages })).toBe('[system|Be brief.][assistant|]');
  });

  it('reasoning of earlier turns reaches the template', () => {
    const template = compileTemplate('{{ messages[0].reasoning_content }}');
    expect(template.render({ messages: [{ role: 'assistant', content: '', reasoning_content: '想' }] })).toBe('想');
  });

  it.each([
    ['{"city":"北京","n":[1,{"a":null}]}', '{"city": "北京", "n": [1, {"a": null}]}'],
    ['', '{}'],
    ['not JSON', '"not JSON"'],
    ['[1]', '"[1]"'],
  ])('the arguments %j of an earlier call are an object if they can be', (json, shown) => {
    const template = compileTemplate('{{ messages[0].tool_calls[0].function.arguments | tojson }}');
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: json } } as const;
    expect(template.render({ messages: [{ role: 'assistant', content: null, tool_calls: [call] }] })).toBe(shown);
  });
});

describe('variables', () => {
  it('the caller may set the template its own', () => {
    const prompt = tiny.render({ messages: [{ role: 'user', content: 'Hi' }], kwargs: { enable_thinking: false } });
    expect(prompt).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n');
  });

  it.each([
    'messages',
    'tools',
    'documents',
    'add_generation_prompt',
    'bos_token',
    'eos_token',
    'raise_exception',
    'strftime_now',
    'range',
    'true',
  ])('the caller may not set %s', (name) => {
    const refused = failure(() => tiny.render({ messages: [], kwargs: { [name]: 'x' } }));
    expect(refused).toMatchObject({ code: 'invalid_request', param: `chat_template_kwargs.${name}` });
  });

  it('a template gets its special tokens and the date', () => {
    const template = compileTemplate('{{ bos_token }}{{ strftime_now("%Y") }}{{ eos_token }}', {
      bos: '<s>',
      eos: '</s>',
    });
    expect(template.render({ messages: [] })).toMatch(/^<s>\d{4}<\/s>$/);
  });

  it('no tools and an empty list of tools are the same to a template', () => {
    const template = compileTemplate('{{ tools is none }}');
    expect(template.render({ messages: [], tools: [] })).toBe(template.render({ messages: [] }));
  });
});

describe('failures', () => {
  it('a template that refuses the messages says so in its own words', () => {
    const template = compileTemplate('{{ raise_exception("Roles must alternate.") }}');
    const refused = failure(() => template.render({ messages: [] }));
    expect(refused.code).toBe('invalid_request');
    expect(refused.message).toContain('Roles must alternate.');
  });

  it('a template that fails on the messages is the request at fault, not the server', () => {
    const template = compileTemplate('{% for part in messages[0].content.nothing %}{% endfor %}');
    expect(failure(() => template.render({ messages: [] }))).toMatchObject({
      code: 'invalid_request',
      param: 'messages',
    });
  });

  it('a template that cannot be parsed fails when it is compiled', () => {
    expect(failure(() => compileTemplate('{% if %}'))).toMatchObject({ code: 'backend_failed' });
  });
});

describe('what a template tells of its model', () => {
  it.each([
    [fixture('tiny.jinja'), 'qwen3'],
    [fixture('qwen3vl.jinja'), 'hermes'],
    ["{{ '<think>' }}", 'think'],
    ['{{ messages[0].content }}', 'plain'],
    ['<tool_call>\n<function=name>', 'plain'],
    ['<think> <tool_call>name <arg_key>', 'think'],
  ])('the dialect (%#)', (source, dialect) => {
    expect(describeTemplate(source)).toEqual({ dialect });
  });

  it.each([
    ['<|im_start|>assistant\n<think>\n', true],
    ['<|im_start|>assistant\n<think>', true],
    ['<|im_start|>assistant\n', false],
    ['<|im_start|>assistant\n<think>\n\n</think>\n\n', false],
    ['<|im_start|>user\nWhat is <think>\n?<|im_end|>\n<|im_start|>assistant\n', false],
  ])('whether the prompt %j opens the reasoning', (prompt, opens) => {
    expect(opensReasoning(prompt)).toBe(opens);
  });
});
