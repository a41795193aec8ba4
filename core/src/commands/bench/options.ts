import { parseArgs } from 'node:util';

export const benchUsage = `Usage: backplane bench [options]

  Asks any OpenAI-compatible server for chats, many at a time, and says how long they took. Exit code 1 if any failed.

  -u, --url URL            Where the server is, with or without /v1 (http://127.0.0.1:8899)
  -c, --concurrent N       Requests at a time (10); --concurrency is the same
  -n, --cases N            Requests in all (10)
  -t, --timeout SECONDS    What one request may take (30)
  -s, --silent             Prints nothing: the result is added to concurrent_test.log in this folder
      --api-key KEY        The key. Every user of the machine may see a command line: set API_KEY instead
      --api-header NAME    The header with the key (Authorization)
      --api-prefix WORD    The word before the key (Bearer in Authorization, none in other headers)
      --model ID           The model (the first that the server lists)
      --prompt TEXT        What each request says (a sentence with its number, so that no cache answers it)
      --max-tokens N       The longest answer (128)
      --no-stream          Asks for whole answers; there is no time to the first token then
      --json               The result for programs
  -h, --help
`;

/** What was asked for on the command line, checked. */
export interface BenchOptions {
  /** With `/v1` and no slash behind it. */
  readonly base: string;
  readonly concurrent: number;
  readonly cases: number;
  readonly timeoutMs: number;
  readonly silent: boolean;
  readonly json: boolean;
  readonly stream: boolean;
  /** Undefined: to be asked for. */
  readonly model: string | undefined;
  /** Undefined: one of its own for each request. */
  readonly prompt: string | undefined;
  readonly maxTokens: number;
  /** The header with the key; empty without one. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Puts a text from the server into one line without the key. */
  clean(text: string): string;
}

/** A command line that cannot be obeyed, in a sentence that does not repeat values. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError';
}

/** Reads the words after `bench`; `help`: they ask for the usage. Throws a BenchUsageError, or what parseArgs throws. */
export function readOptions(words: readonly string[], env: NodeJS.ProcessEnv): BenchOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    allowNegative: true,
    options: {
      url: { type: 'string', short: 'u', default: 'http://127.0.0.1:8899' },
      concurrent: { type: 'string', short: 'c' },
      concurrency: { type: 'string' },
      cases: { type: 'string', short: 'n', default: '10' },
      timeout: { type: 'string', short: 't', default: '30' },
      silent: { type: 'boolean', short: 's', default: false },
      'api-key': { type: 'string' },
      'api-header': { type: 'string', default: 'Authorization' },
      'api-prefix': { type: 'string' },
      model: { type: 'string' },
      prompt: { type: 'string' },
      'max-tokens': { type: 'string', default: '128' },
      stream: { type: 'boolean', default: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  if (positionals.length > 0) throw new BenchUsageError('bench takes options only, and there is a word without one.');
  const key = values['api-key'] ?? env.API_KEY ?? '';
  return {
    base: baseOf(values.url),
    concurrent: whole('concurrent', values.concurrent ?? values.concurrency ?? '10'),
    cases: whole('cases', values.cases),
    timeoutMs: seconds(values.timeout) * 1_000,
    silent: values.silent,
    json: values.json,
    stream: values.stream,
    model: values.model,
    prompt: values.prompt,
    maxTokens: whole('max-tokens', values['max-tokens']),
    credentials: credentialsOf(key, values['api-header'], values['api-prefix']),
    clean: (text) => cleaned(key === '' ? text : text.replaceAll(key, '***')),
  };
}

function baseOf(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new BenchUsageError('--url is no http:// or https:// address, e.g. http://127.0.0.1:8899.');
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new BenchUsageError('--url may have no user, password, ? or #: the result shows it. Set API_KEY for a key.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`;
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 1_000_000) {
    throw new BenchUsageError(`--${name} must be a whole number from 1 to 1000000.`);
  }
  return number;
}

/** Timers take at most 2^31 ms. */
function seconds(text: string): number {
  const number = Number(text);
  if (!(number > 0 && number <= 2_000_000)) {
    throw new BenchUsageError('--timeout must be a number of seconds above 0, 2000000 at most.');
  }
  return number;
}

/** A header of its own holds the key alone, as X-API-Key does on most servers. */
function credentialsOf(key: string, header: string, prefix: string | undefined): Readonly<Record<string, string>> {
  if (key === '') return {};
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header)) throw new BenchUsageError('--api-header is no name of an HTTP header.');
  const word = prefix ?? (header.toLowerCase() === 'authorization' ? 'Bearer' : '');
  const value = word === '' ? key : `${word} ${key}`;
  // Said here and not by the HTTP client, whose errors may quote it.
  if (!/^[\x21-\x7e][\x20-\x7e]*$/.test(value)) {
    throw new BenchUsageError('The key or its prefix has characters that no HTTP header carries.');
  }
  return { [header]: value };
}

/** One line, and nothing that a terminal would obey. */
function cleaned(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
