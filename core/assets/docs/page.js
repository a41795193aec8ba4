import { filled, keyHeaders, operationsOf, waysToSendKey } from './requests.js';

const at = (id) => document.getElementById(id);
/** In this page's memory and nowhere else. */
let credentials = {};

/** An element with properties and children. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

async function open() {
  const reply = await fetch('/openapi.json', { headers: credentials });
  if (reply.status === 401) return askForKey(reply.headers.get('www-authenticate') ?? 'Bearer');
  if (!reply.ok) return say(`GET /openapi.json: ${reply.status} ${await reply.text()}`);
  at('key').hidden = true;
  say('');
  const models = await fetch('/v1/models', { headers: credentials }).then((its) => its.json());
  const operations = operationsOf(await reply.json(), models.data?.[0]?.id);
  at('operations').replaceChildren(...operations.map(shown));
}

function askForKey(challenge) {
  const tried = Object.keys(credentials).length > 0;
  say(tried ? 'The server does not take this key.' : 'This server asks for a key.');
  if (at('key').hidden) {
    const ways = waysToSendKey(challenge);
    at('way').replaceChildren(
      ...ways.map((way, value) => make('option', { value, textContent: `${way.header}: ${way.prefix} …` })),
    );
    at('ways').hidden = ways.length < 2;
    at('key').addEventListener('submit', (event) => {
      event.preventDefault();
      credentials = keyHeaders(ways[Number(at('way').value)], at('secret').value);
      attempt(open);
    });
  }
  at('key').hidden = false;
}

/** One operation as a form and what came back. */
function shown(operation) {
  const output = make('pre', {});
  const inputs = operation.inPath.map((name) => make('input', { name, required: true }));
  const body =
    operation.body && make('textarea', { value: operation.body, rows: operation.body.split('\n').length + 1 });
  const fields = (operation.fields ?? []).map(({ name, required, file, value }) =>
    make('input', { name, required, type: file ? 'file' : 'text', ...(!file && { value }) }),
  );
  const stop = make('button', { type: 'button', textContent: 'Stop', disabled: true });
  const form = make(
    'form',
    {},
    ...[...inputs, ...fields].map((input) => make('label', {}, `${input.name} `, input)),
    ...(body ? [body] : []),
    make('button', { textContent: 'Send' }),
    stop,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const leave = new AbortController();
    stop.onclick = () => leave.abort();
    stop.disabled = false;
    const values = Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
    await send(operation, filled(operation.path, values), body?.value ?? formOf(fields), output, leave.signal);
    stop.disabled = true;
  });
  const title = make(
    'summary',
    {},
    make('code', { textContent: `${operation.method} ${operation.path}` }),
    ` ${operation.summary}`,
  );
  return make('details', {}, title, form, output);
}

/** What was filled in; undefined for an operation without a form. */
function formOf(fields) {
  if (fields.length === 0) return undefined;
  const form = new FormData();
  for (const { name, type, value, files } of fields) {
    if (type === 'file' ? files.length > 0 : value !== '') form.append(name, type === 'file' ? files[0] : value);
  }
  return form;
}

/** Shows the reply as it comes. */
async function send({ method }, path, body, output, signal) {
  const begin = performance.now();
  const headers = { ...credentials, ...(typeof body === 'string' && { 'content-type': 'application/json' }) };
  try {
    const reply = await fetch(path, { method, headers, body, signal });
    const head = `${reply.status} after ${Math.round(performance.now() - begin)} ms\n\n`;
    output.textContent = head;
    const decoder = new TextDecoder();
    let text = '';
    for (const reader = reply.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
      output.textContent = head + text;
    }
    output.textContent = head + pretty(text);
  } catch (error) {
    output.textContent += `\n${error.name === 'AbortError' ? 'stopped' : error.message}`;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function say(text) {
  at('trouble').textContent = text;
}

function attempt(what) {
  what().catch((error) => say(error.message));
}

attempt(open);
