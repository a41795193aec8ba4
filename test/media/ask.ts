import { readFileSync } from 'node:fs';

const goldens = new URL('../../plugins/sophon-tpu/test/goldens/img/', import.meta.url);

/** Where a small picture lies that was drawn for the goldens. */
export const golden = (name: string): URL => new URL(name, goldens);
export const picture = (name: string): Buffer => readFileSync(golden(name));

export const dataUrl = (bytes: Uint8Array, mime = 'image/png'): string =>
  `data:${mime};base64,${Buffer.from(bytes).toString('base64')}`;

export const show = (url: string): object => ({ type: 'image_url', image_url: { url } });

/** Asks for a chat about these parts. */
export function look(server: string, parts: readonly object[], more: object = {}): Promise<Response> {
  return fetch(`${server}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: parts }], ...more }),
  });
}

/** What the model said it saw, one line for each part. */
export async function seen(response: Promise<Response>): Promise<readonly string[]> {
  const answer = await response;
  const body = (await answer.json()) as {
    readonly choices: readonly { readonly message: { readonly content: string } }[];
  };
  if (!answer.ok) throw new Error(JSON.stringify(body));
  return body.choices.map(({ message }) => message.content);
}
