import type { Stretch } from '../../sdk/index.ts';
import { must, type Rule } from '../rule.ts';
import { tone } from '../tone.ts';

const seconds = 2;
/** Models count in steps of 20 ms, and Whisper in windows of 30 s: what it hears at the end may lie past it. */
const windowSeconds = 30;

export const transcribe: Rule = {
  name: 'transcribes-a-recording',
  sentence: 'A recording gets a transcript, timed in order in all the ways that the facts name',
  tasks: ['transcribe'],
  after: ['load-once-resolves-with-facts', 'has-a-task'],
  async run(trial) {
    const model = await trial.model();
    const { text, duration, segments, words } = await model.transcribe(tone(seconds));
    must(typeof text === 'string', 'the transcript has no text');
    must(
      duration === undefined || Math.abs(duration - seconds) <= 1,
      `a recording of ${seconds} s is said to have ${duration} s`,
    );
    for (const timing of model.facts.timings ?? []) {
      const stretches: readonly Stretch[] | undefined = timing === 'segment' ? segments : words;
      must(stretches !== undefined, `the facts name the timing ${timing}, and the transcript has no ${timing}s`);
      let last = 0;
      for (const { start, end } of stretches) {
        must(
          start <= end && start >= last && end <= windowSeconds,
          `a ${timing} from ${start} s to ${end} s is out of place`,
        );
        last = start;
      }
    }
  },
};
