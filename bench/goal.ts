/** A bar that a figure of this run must reach. */
export interface Goal {
  readonly what: string;
  readonly bar: string;
  readonly figure: string;
  readonly met: boolean;
}

export function atLeast(what: string, bar: number, value: number): Goal {
  return { what, bar: `>= ${bar}`, figure: value.toFixed(2), met: value >= bar };
}

export function atMost(what: string, bar: number, unit: string, value: number): Goal {
  return { what, bar: `<= ${bar} ${unit}`, figure: `${value.toFixed(0)} ${unit}`, met: value <= bar };
}
