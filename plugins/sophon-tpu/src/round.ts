/** To the nearest integer, ties to the even one: Python's `round`, numpy's and torch's. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Python's `f"{value:.1f}"`: unlike `toFixed`, an exact tie goes to the even digit, so 0.25 is "0.2". */
export function oneDecimal(value: number): string {
  // Only odd quarters lie exactly between two tenths.
  const tie = Number.isInteger(value * 4) && !Number.isInteger(value * 2);
  return (tie ? roundHalfEven(value * 10) / 10 : value).toFixed(1);
}
