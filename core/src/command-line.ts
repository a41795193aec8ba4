import { parseArgs } from 'node:util';
import { type Backplane, prepare, start } from './backplane.ts';
import { jsonSchema } from './boot.ts';
import { diagnose, report } from './commands/doctor.ts';
import { ImportError, importConfig } from './commands/import.ts';
import { portTrouble } from './commands/port.ts';
import { ConfigError } from './config/problem.ts';
import { version } from './version.ts';

const usage = `Usage: backplane <command> [config.yaml]

  serve   [config.yaml]   Serves what the file names until SIGTERM or SIGINT
  check   [config.yaml]   Says everything that is wrong with the file; exit code 2 if anything is
  doctor  [config.yaml]   Says what the file asks for that this machine lacks, and how to get it; exit code 1 if anything
                          is missing. --json: for programs
  schema  [config.yaml]   Prints the JSON Schema of the file, with the settings of the plugins it names
  import  <what> <file>   Prints the config.yaml that takes the place of another server's configuration
  bench   [options]       Asks any OpenAI-compatible server for many chats at a time and says how long they took; exit code 1
                          if any failed. bench --help: its options

  -h, --help      -v, --version
`;

/** Runs the command line to its end. */
export async function main(): Promise<void> {
  process.exitCode = await obey().catch(explain);
}

/** What the command line asks for. Exit codes: 0 stopped in order, 1 it could not run, 2 the config or the command line is wrong, 130/143 the second signal. */
async function obey(): Promise<number> {
  // It has options of its own, and no server needs it in memory.
  if (process.argv[2] === 'bench') return (await import('./commands/bench.ts')).bench(process.argv.slice(3));
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      json: { type: 'boolean' },
    },
  });
  if (values.version) return print(version);
  const [command, first, second, ...more] = positionals;
  if (values.help) return print(usage);
  const rest = command === 'import' || second === undefined ? more : [second, ...more];
  if (rest.length > 0) return complain(`Too many arguments: ${rest.join(' ')}\n\n${usage}`, 2);
  if (values.json && command !== 'doctor') return complain(`Only doctor knows --json.\n\n${usage}`, 2);
  const file = first ?? 'config.yaml';
  switch (command) {
    case 'serve':
      return serve(file);
    case 'check': {
      const { kernel, config, models, plugins } = await prepared(file);
      await kernel.dispose(config.server.shutdown_grace);
      return print(`${file} is fine: ${count(plugins, 'plugin')}, ${count(models.length, 'model')}.`);
    }
    case 'schema': {
      const { kernel, config } = await prepared(file);
      const schema = jsonSchema(kernel);
      await kernel.dispose(config.server.shutdown_grace);
      return print(JSON.stringify(schema, null, 2));
    }
    case 'doctor': {
      const found = await diagnose(file);
      const ok = !found.some(({ status }) => status === 'problem');
      print(values.json ? JSON.stringify({ ok, found }, null, 2) : report(found));
      return ok ? 0 : 1;
    }
    case 'import':
      return print(await importConfig(first, second));
    default:
      return complain(command ? `There is no command ${command}.\n\n${usage}` : usage, 2);
  }
}

async function prepared(file: string) {
  const booted = await prepare(file);
  return { ...booted, plugins: booted.kernel.plugins.length };
}

async function serve(file: string): Promise<number> {
  const asked = Promise.withResolvers<void>();
  let signals = 0;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      asked.resolve();
      if (++signals < 2) return;
      process.stderr.write(`Second ${signal}: exiting at once.\n`);
      exitNow(code);
    });
  }
  const backplane = await start(file, { listening: announce });
  await asked.promise;
  backplane.log.info({}, 'stopping: new calls are refused, running ones may finish');
  await backplane.stop();
  // A thread that would not unload is left behind; it must not keep the server alive.
  process.exit(0);
}

/** What is served where, and a line to paste: the first thing on a terminal, a log line elsewhere. */
function announce({ url, config, log }: Backplane): void {
  const names = config.models.map(({ id }) => id);
  const first = config.models[0];
  const what = `Backplane serves ${names.join(', ') || 'no model yet'} on ${url}/v1`;
  const body = JSON.stringify({
    model: first?.id,
    messages: [{ role: 'user', content: 'What is Backplane?' }],
    stream: true,
  });
  const curl = `curl -N ${url}/v1/chat/completions -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  if (process.stdout.isTTY) process.stdout.write(`${what}${first ? `\n\n  ${curl}\n\n` : '\n'}`);
  else log.first({ url: `${url}/v1`, models: names, ...(first && { try: curl }) }, what);
}

/**
 * Leaves without asking anyone. SIGKILL and not process.exit: a native engine that computes in a thread would turn an
 * ordinary exit into an abort. Children follow, because their channel closes.
 */
function exitNow(code: number): void {
  process.exitCode = code;
  process.removeAllListeners(code === 130 ? 'SIGINT' : 'SIGTERM');
  process.kill(process.pid, code === 130 ? 'SIGINT' : 'SIGTERM');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function print(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

function complain(text: string, code: number): number {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  return code;
}

/** Every way to fail is a sentence; a stack is for bugs. */
function explain(thrown: unknown): number {
  if (thrown instanceof ConfigError) return complain(thrown.message, 2);
  if (thrown instanceof ImportError) return complain(thrown.message, 2);
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS')) return complain(`${message}\n\n${usage}`, 2);
  const trouble = portTrouble(thrown);
  if (trouble) return complain(`${trouble.what}: ${trouble.fix}.`, 1);
  return complain(
    `Backplane failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
    1,
  );
}
