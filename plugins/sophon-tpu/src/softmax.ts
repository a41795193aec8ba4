// Loops over a vocabulary of 151,936 tokens, once for each that is generated. They are by index, since an iterator over a
// typed array takes four times as long, and e comes from a table, since Math.exp takes three times as long.

/** Weights below e to the power of minus this count as 0: a whole vocabulary of them is below 1 in 10^5. */
const hopeless = 24;
/** Table entries per power of e. */
const steps = 256;
const end = hopeless * steps;
/** e to the power of -index / steps. */
const table = Float64Array.from({ length: end + 1 }, (_, index) => Math.exp(-index / steps));
/** Tokens whose weights have one sum. */
const stretch = 1_024;

/** How likely a token is beside the likeliest, whose weight is 1: to eight digits. 0 for a logit that is no number. */
export function weight(logit: number, top: number, temperature: number): number {
  return weightBelow((top - logit) * (steps / temperature));
}

/** `distance`: from the likeliest, in table entries. */
function weightBelow(distance: number): number {
  if (!(distance < end)) return 0;
  const index = (distance + 0.5) | 0;
  // At most half an entry, either way.
  const rest = (index - distance) / steps;
  return (table[index] as number) * (1 + rest * (1 + rest * 0.5));
}

/** Of the tokens that are the likeliest `share` of all, the least logit, or one a little below it; and the sum of all weights. */
export function likeliestShare(
  logits: Float32Array,
  top: number,
  temperature: number,
  share: number,
): { readonly least: number; readonly total: number } {
  const scale = steps / temperature;
  // By table entry, so that they need not be put in order.
  const weights = new Float64Array(end + 1);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const distance = (top - (logits[id] as number)) * scale;
    if (!(distance < end)) continue;
    const each = weightBelow(distance);
    const index = (distance + 0.5) | 0;
    weights[index] = (weights[index] as number) + each;
    total += each;
  }
  let reached = 0;
  let index = 0;
  for (; index <= end && reached < share * total; index++) reached += weights[index] as number;
  return { least: top - index / scale, total };
}

/** The sum of all weights. */
export function totalWeight(logits: Float32Array, top: number, temperature: number): number {
  let total = 0;
  for (let at = 0; at < logits.length; at += stretch) total += partWeight(logits, at, top, temperature);
  return total;
}

/** A token drawn by the weights of all of them; `random`: from 0 to below 1. */
export function drawToken(logits: Float32Array, top: number, temperature: number, random: number): number {
  const parts = new Float64Array(Math.ceil(logits.length / stretch));
  let total = 0;
  for (let part = 0; part < parts.length; part++) {
    total += parts[part] = partWeight(logits, part * stretch, top, temperature);
  }
  let rest = random * total;
  let part = 0;
  while (part < parts.length - 1 && rest >= (parts[part] as number)) rest -= parts[part++] as number;
  // Should rounding leave nothing to draw from.
  let last = logits.indexOf(top);
  for (let id = part * stretch; id < logits.length; id++) {
    const each = weight(logits[id] as number, top, temperature);
    if (each === 0) continue;
    last = id;
    rest -= each;
    if (rest < 0) break;
  }
  return last;
}

function partWeight(logits: Float32Array, from: number, top: number, temperature: number): number {
  const scale = steps / temperature;
  const to = Math.min(from + stretch, logits.length);
  let sum = 0;
  for (let id = from; id < to; id++) sum += weightBelow((top - (logits[id] as number)) * scale);
  return sum;
}

/** -Infinity where no logit is a number. */
export function largestLogit(logits: Float32Array): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if ((logits[id] as number) > top) top = logits[id] as number;
  return top;
}
