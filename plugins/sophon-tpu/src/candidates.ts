/** A token and how likely it is. */
export interface Candidate {
  readonly id: number;
  readonly logit: number;
}

/** Above this many, sorting all is cheaper than keeping the best in order. */
const longestList = 256;

/** The likeliest tokens, likeliest first; of equal ones the lower id. */
export function largest(logits: Float32Array, count: number): Candidate[] {
  if (count > longestList) return sorted(logits, Number.NEGATIVE_INFINITY).slice(0, count);
  const best: Candidate[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = above(logits, 0, least); id < logits.length; id = above(logits, id + 1, least)) {
    const logit = logits[id] as number;
    let at = best.length;
    while (at > 0 && (best[at - 1] as Candidate).logit < logit) at--;
    best.splice(at, 0, { id, logit });
    if (best.length > count) best.pop();
    if (best.length === count) least = (best[count - 1] as Candidate).logit;
  }
  return best;
}

/** The first token from `from` on whose logit is above `least`. Apart, since so small a loop is compiled to a faster one. */
function above(logits: Float32Array, from: number, least: number): number {
  let id = from;
  while (id < logits.length && !((logits[id] as number) > least)) id++;
  return id;
}

/** All tokens whose logit is at least `least`, likeliest first. */
export function sorted(logits: Float32Array, least: number): Candidate[] {
  const found: Candidate[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit >= least && logit > Number.NEGATIVE_INFINITY) found.push({ id, logit });
  }
  return found.sort((a, b) => b.logit - a.logit || a.id - b.id);
}
