import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Serves what mlx-openai-server does, as it was seen to do it, for what cannot be had of the real one here. */
const server = `
import { createServer } from 'node:http';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
const { server, models } = JSON.parse(readFileSync(process.argv.at(-1), 'utf8'));
const asked = process.argv[2];
if (models[0].model_type === 'multimodal') writeFileSync(asked + '.config', JSON.stringify({ server, models }));
const event = (body) => 'data: ' + JSON.stringify(body) + '\\n\\n';
const chunk = (delta, more) => event({ choices: [{ index: 0, delta, ...more }], ...(more && { usage: { prompt_tokens: 3, completion_tokens: 1 } }) });
createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  if (request.method === 'GET') return response.end('{"status":"ok"}');
  appendFileSync(asked, body + '\\n');
  const { stream, messages } = JSON.parse(body);
  if (!stream) return response.end('{}');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ role: 'assistant' }));
  const [verb] = [messages.at(-1).content].flat().map((part) => part.text ?? part).slice(-1);
  if (verb === 'full') response.write(event({ error: { message: 'Too many requests', type: 'rate_limit_exceeded', param: null, code: '429' } }));
  else response.write(chunk({ content: 'seen' }));
  if (verb !== 'silent') response.write(chunk({}, { finish_reason: 'stop' }) + 'data: [DONE]\\n\\n');
  response.end();
}).listen(server.port, server.host, () => console.error('INFO:     Uvicorn running on http://127.0.0.1:' + server.port + ' (Press CTRL+C to quit)'));
`;

/**
 * Writes an interpreter that seems to have mlx-openai-server 1.6.3. `asked`: a file with a line for each request it was
 * sent; beside it, as `asked.config`, the configuration of a multimodal model.
 */
export async function writeStandIn(folder: string): Promise<{ readonly python: string; readonly asked: string }> {
  const python = join(folder, 'python');
  const asked = join(folder, 'asked');
  await writeFile(join(folder, 'stand-in.mjs'), server);
  await writeFile(asked, '');
  const keys = JSON.stringify(['model_path', 'model_type', 'served_model_name', 'max_concurrency']);
  const probe = `case "$2" in *ModelEntryConfig*) echo '${keys}';; *) echo 1.6.3;; esac; exit`;
  const serve = `exec ${process.execPath} ${join(folder, 'stand-in.mjs')} ${asked} "$4"`;
  await writeFile(python, `#!/bin/sh\nif [ "$1" = -c ]; then ${probe}; fi\n${serve}\n`);
  await chmod(python, 0o755);
  return { python, asked };
}
