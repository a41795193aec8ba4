/** What the page knows of requests, without the page. */

/**
 * The ways to send a key that a `WWW-Authenticate` header names: `Bearer` stands for itself, a header of another name for
 * `ApiKey header="…", prefix="…"`.
 */
export function waysToSendKey(challenge) {
  const ways = [];
  for (const [, , header, prefix, word] of challenge.matchAll(
    /(ApiKey realm="[^"]*", header="([^"]+)"(?:, prefix="([^"]+)")?)|([\w-]+)/g,
  )) {
    ways.push(word === undefined ? { header, prefix: prefix ?? '' } : { header: 'Authorization', prefix: word });
  }
  return ways;
}

/** Something to begin with. */
const examples = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'What is Backplane?' }], stream: true },
  '/v1/completions': { prompt: 'Backplane is', max_tokens: 50 },
  '/v1/embeddings': { input: 'Backplane' },
};

/** The headers that carry a key in one of those ways. */
export function keyHeaders({ header, prefix }, key) {
  return { [header]: prefix === '' ? key : `${prefix} ${key}` };
}

/** What can be tried: the operations of an OpenAPI document, each with what its form asks for. */
export function operationsOf(document, model) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '', parameters = [], requestBody }]) => {
      const json = requestBody?.content['application/json'];
      const form = requestBody?.content['multipart/form-data']?.schema;
      return {
        method: method.toUpperCase(),
        path,
        summary,
        inPath: parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name),
        ...(json && { body: JSON.stringify({ model, ...examples[path] }, null, 2) }),
        ...(form && { fields: fieldsOf(form, model) }),
      };
    }),
  );
}

function fieldsOf({ properties, required = [] }, model) {
  return Object.entries(properties).map(([name, { contentMediaType }]) => ({
    name,
    required: required.includes(name),
    file: contentMediaType !== undefined,
    value: name === 'model' ? (model ?? '') : '',
  }));
}

/** The path with its variables filled in; an id may have slashes, which stay. */
export function filled(path, values) {
  return path.replace(/\{(\w+)\}/g, (_, name) => (values[name] ?? '').split('/').map(encodeURIComponent).join('/'));
}
