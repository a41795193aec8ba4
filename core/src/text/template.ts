import { Template } from '@huggingface/jinja';
import { type Dialect, Failure, type Message, type Tool } from '../sdk/index.ts';

/** A content part in OpenAI's form, or in whatever form the template wants when the caller converted it already. */
export type TemplatePart = { readonly type: string } & object;

/** A request's `Message`, or one whose parts the caller converted for the template. */
export type TemplateMessage = Omit<Message, 'content'> & {
  readonly content: string | readonly TemplatePart[] | null;
};

export interface TemplateInput {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly Tool[] | undefined;
  /** Further variables of the template, such as `enable_thinking`. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the prompt ends where the assistant's answer begins; absent: true. */
  readonly addGenerationPrompt?: boolean | undefined;
}

export interface ChatTemplate {
  /**
   * The prompt. Messages are brought into the form that templates are written for, as vLLM does it: text-only content
   * becomes a string, `developer` becomes `system`, null becomes '', and a tool call's arguments become an object.
   * Throws `invalid_request` when the template refuses the messages, with the template's own words.
   */
  render(input: TemplateInput): string;
}

/** Names a caller may not set: what the template is given anyway, and what the Jinja engine defines. */
const reserved: ReadonlySet<string> = new Set([
  ...['messages', 'tools', 'documents', 'add_generation_prompt', 'bos_token', 'eos_token'],
  ...['raise_exception', 'strftime_now', 'range', 'namespace', 'true', 'false', 'none', 'True', 'False', 'None'],
]);

/**
 * Compiles a model's chat template (Jinja, as in `tokenizer_config.json` or a GGUF). `tokens` are the texts of the
 * special tokens that some templates write themselves. Throws `backend_failed` when the source cannot be parsed.
 */
export function compileTemplate(source: string, tokens: { bos?: string; eos?: string } = {}): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (thrown) {
    throw new Failure('backend_failed', `The model's chat template cannot be parsed: ${reason(thrown)}`, {
      cause: thrown,
    });
  }

  const run = (messages: readonly object[], input: Omit<TemplateInput, 'messages'>): string =>
    template.render({
      ...input.kwargs,
      messages,
      tools: input.tools?.length ? input.tools : null,
      documents: null,
      add_generation_prompt: input.addGenerationPrompt ?? true,
      bos_token: tokens.bos ?? '',
      eos_token: tokens.eos ?? '',
    });

  const form = contentForm((content) => run([{ role: 'user', content }], {}));

  return {
    render(input) {
      for (const name of Object.keys(input.kwargs ?? {})) {
        if (!reserved.has(name)) continue;
        throw new Failure(
          'invalid_request',
          `The chat template variable "${name}" is set by the server; leave it out.`,
          {
            param: `chat_template_kwargs.${name}`,
          },
        );
      }
      const messages = input.messages.map((message, index) => normalise(message, index, form));
      try {
        return run(messages, input);
      } catch (thrown) {
        throw new Failure('invalid_request', `The model's chat template refused the request: ${reason(thrown)}`, {
          param: 'messages',
          cause: thrown,
        });
      }
    },
  };
}

/** How a template reads `content`. */
interface ContentForm {
  readonly strings: boolean;
  readonly lists: boolean;
  /** What belongs between two text parts that become one string. */
  readonly separator: string;
}

/**
 * Finds out by trying, since templates differ too much to tell by reading: a template that handles lists shows both
 * texts and nothing of the parts' own keys between them.
 */
function contentForm(render: (content: unknown) => string): ContentForm {
  const attempt = (content: unknown): string => {
    try {
      return render(content);
    } catch {
      return '';
    }
  };
  const strings = attempt('<first>').includes('<first>');
  const parts = ['<first>', '<second>'].map((text) => ({ type: 'text', text }));
  const between = /<first>([\s\S]*)<second>/.exec(attempt(parts))?.[1];
  const lists = between !== undefined && !between.includes('text');
  // vLLM joins with a newline for templates that know strings only.
  return { strings: strings || !lists, lists, separator: lists ? between : '\n' };
}

function normalise(message: TemplateMessage, index: number, form: ContentForm): object {
  return {
    ...message,
    role: message.role === 'developer' ? 'system' : message.role,
    content: content(message.content ?? '', index, form),
    ...(message.tool_calls && { tool_calls: message.tool_calls.map(callWithObject) }),
  };
}

function content(value: string | readonly TemplatePart[], index: number, form: ContentForm): unknown {
  if (typeof value === 'string') return form.strings ? value : [{ type: 'text', text: value }];
  const media = value.find((part) => part.type !== 'text');
  if (media === undefined && form.strings) {
    return value.map((part) => ('text' in part ? String(part.text) : '')).join(form.separator);
  }
  if (media !== undefined && !form.lists) {
    throw new Failure(
      'invalid_request',
      `This model reads text only, and message ${index} has a part "${media.type}".`,
      {
        param: `messages.${index}.content`,
      },
    );
  }
  return value;
}

/** Templates write arguments with `tojson`; OpenAI sends them as JSON text. */
function callWithObject(call: object): object {
  if (!('function' in call) || typeof call.function !== 'object' || call.function === null) return call;
  const { function: called } = call;
  if (!('arguments' in called) || typeof called.arguments !== 'string') return call;
  return { ...call, function: { ...called, arguments: objectOf(called.arguments) } };
}

function objectOf(json: string): unknown {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : json;
  } catch {
    return json;
  }
}

function reason(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What a template's source tells of the text that its model writes. */
export function describeTemplate(source: string): { readonly dialect: Dialect } {
  const reasoning = source.includes('<think>');
  // Other families write the same tag around something that is not JSON: `<function=…>`, `<arg_key>…`.
  const tools = source.includes('<tool_call>') && !source.includes('<function=') && !source.includes('<arg_key>');
  if (reasoning) return { dialect: tools ? 'qwen3' : 'think' };
  return { dialect: tools ? 'hermes' : 'plain' };
}

/**
 * Whether a rendered prompt ends by opening the reasoning block, so that the answer begins inside it. Only the very end
 * counts: a `<think>` further up may be the user's own words.
 */
export function opensReasoning(prompt: string): boolean {
  return prompt.trimEnd().endsWith('<think>');
}
