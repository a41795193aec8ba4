/** Upper bounds in seconds, chosen for where service levels are read: 2 s to the first token, 12 to 50 tokens a second. */
export const requestDuration = [0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 15, 20, 30, 60, 90, 120, 240, 480, 960, 1920];
export const queue = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120];
export const timeToFirstToken = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 7.5, 10, 20, 40, 80, 160,
];
export const interTokenLatency = [0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5];
/** A tiny model loads in a tenth of a second, 4B weights onto an edge accelerator in a minute. */
export const load = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600];
