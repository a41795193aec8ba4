/** Below this a key is guessed rather than stolen. */
const shortKey = 8;

/** Keys that documents of servers and SDKs print: the first that anyone tries. */
const published: ReadonlySet<string> = new Set([
  'abc@123',
  'abc123456',
  'token-abc123',
  'your_secure_key',
  'your-api-key',
  'dummy-key',
  'changeme',
  'change-me',
  'password',
  '12345678',
  'sk-12345678',
  'sk-no-key-required',
]);

/** Why a key protects little, as the end of a sentence that does not show it; undefined for one that may do. */
export function weakness(key: string): string | undefined {
  if (published.has(key.toLowerCase())) return 'stands in public documents, so anyone may try it';
  if (key.length < shortKey) return `has fewer than ${shortKey} characters`;
  if (new Set(key).size < 4) return 'is made of fewer than 4 different characters';
  return undefined;
}
