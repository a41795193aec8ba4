import { parseArgs } from 'node:util';
import { type Backplane, prepare, start } from './backplane.ts';
import { jsonSchema } from './boot.ts';
import { ConfigError } from './config/problem.ts';
import { version } from './version.ts';

const usage = `Usage: backplane <command> [config.yaml]

  serve   [config.yaml]   Serves what the file names until SIGTERM or SIGINT
  check   [config.yaml]   Says everything that is wrong with the file; exit code 2 if anything is
  schema  [config.yaml]   Prints the JSON Schema of the file, with the settings of the plugins it names

  -h, --help      -v, --version
`;

/** Runs the command line to its end. */
export async function main(): Promise<void> {
  process.exitCode = await obey().catch(explain);
}

/** What the command line asks for. Exit codes: 0 stopped in order, 1 it could not run, 2 the config or the command line is wrong, 130/143 the second signal. */
async function obey(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
  });
  if (values.version) return print(version);
  const [command, file = 'config.yaml', ...rest] = positionals;
  if (values.help) return print(usage);
  if (rest.length > 0) return complain(`Too many arguments: ${rest.join(' ')}\n\n${usage}`, 2);
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
  const { code, message, address, port } = thrown as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code?.startsWith('ERR_PARSE_ARGS')) return complain(`${message}\n\n${usage}`, 2);
  if (code === 'EADDRINUSE') {
    return complain(`Port ${port} on ${address} is in use: stop what listens there, or set another server.port.`, 1);
  }
  if (code === 'EACCES' && port !== undefined) {
    return complain(`This user may not open port ${port} on ${address}: choose a server.port above 1023.`, 1);
  }
  if (code === 'EADDRNOTAVAIL') {
    return complain(`This machine has no address ${address}: set server.host to one it has, or to 0.0.0.0.`, 1);
  }
  return complain(
    `Backplane failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
    1,
  );
}
