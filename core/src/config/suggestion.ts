/** Half a sentence to append: the candidate that was meant, where one is close to what was written. */
export function didYouMean(written: string, candidates: Iterable<string>): string {
  let meant: string | undefined;
  let least = Math.min(3, Math.floor(written.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = levenshtein(written.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    meant = candidate;
    least = distance;
  }
  return meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
}

function levenshtein(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
