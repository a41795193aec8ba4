import { brokenChat } from '../sound.ts';

/** Its iterator comes back to life after its end. */
export default brokenChat((events) => {
  const source = events[Symbol.asyncIterator]();
  const next = async () => {
    const result = await source.next();
    return result.done === true && ends++ % 2 === 1 ? { done: false, value: rest } : result;
  };
  let ends = 0;
  return { [Symbol.asyncIterator]: () => ({ next, return: async () => ({ done: true, value: undefined }) }) };
});

const rest = { type: 'text', text: 'late' } as const;
