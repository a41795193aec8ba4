import { z } from 'zod';
import {
  Failure,
  type Granularity,
  granularities,
  type Segment,
  type TranscribeRequest,
  type Transcript,
} from '../sdk/index.ts';
import { readParameters } from './parameters.ts';
import { extraOf } from './sampling.ts';
import type { Target } from './target.ts';
import { validate } from './validate.ts';

const formats = ['json', 'text', 'srt', 'verbose_json', 'vtt'] as const;
type Format = (typeof formats)[number];

const transcriptionFields = {
  model: z.string().min(1),
  language: z.string().min(1).max(64).optional(),
  prompt: z.string().max(100_000).optional(),
  response_format: z.enum(formats).default('json'),
  temperature: z.coerce.number().min(0).max(1).optional(),
  stream: z.enum(['true', 'false']).default('false'),
  'timestamp_granularities[]': z.array(z.enum(granularities)).optional(),
};

/** Fields of the form `POST /v1/audio/transcriptions`, beside its `file`. */
export const transcriptionSchema = z.looseObject(transcriptionFields);

export interface Transcription {
  readonly request: TranscribeRequest;
  readonly ignored: readonly string[];
  encode(transcript: Transcript): { readonly type: string; readonly text: string };
}

/** Reads the form of `POST /v1/audio/transcriptions`. Throws `invalid_request` and `unsupported_parameter`. */
export async function readTranscription(form: FormData, target: Target): Promise<Transcription> {
  const file = form.get('file');
  if (!(file instanceof File)) {
    throw new Failure('invalid_request', 'The form must have a recording: a file in its field file.', {
      param: 'file',
    });
  }
  const { body: merged, ignored } = readParameters(fieldsOf(form), { ...target, honoured: own(target) });
  const body = validate(transcriptionSchema, merged);
  const { language, prompt, temperature, response_format: format } = body;
  if (body.stream === 'true') {
    throw new Failure('unsupported_parameter', `${target.name} gives transcripts whole: leave stream out.`, {
      param: 'stream',
    });
  }
  const timings = timingsOf(format, body['timestamp_granularities[]'], target);
  return {
    request: {
      model: target.name,
      audio: { bytes: await file.bytes(), mime: file.type, name: file.name.replace(/^.*[/\\]/, '') },
      ...(language !== undefined && { language }),
      ...(prompt !== undefined && { prompt }),
      ...(temperature !== undefined && { temperature }),
      timings,
      extra: extraOf(body, transcriptionFields),
    },
    ignored,
    encode: (transcript) => encodings[format](transcript, timings),
  };
}

/** The form's texts, an empty one like one that is not there; a name that ends in `[]` holds all that have it, whether the client wrote the brackets or not. */
function fieldsOf(form: FormData): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.create(null);
  for (const name of new Set(form.keys())) {
    if (name === 'file') continue;
    const texts = form.getAll(name).filter((value) => typeof value === 'string' && value !== '');
    if (texts.length === 0) continue;
    const list = name.endsWith('[]') || name === 'timestamp_granularities';
    fields[list && !name.endsWith('[]') ? `${name}[]` : name] = list ? texts : texts.at(-1);
  }
  return fields;
}

/** What this form means by a name is what it means here, not what a chat means by it. */
function own({ honoured }: Target): Target['honoured'] {
  const form = new Set(['response_format', 'timestamp_granularities[]']);
  return { has: (name) => form.has(name) || honoured.has(name) };
}

function timingsOf(format: Format, asked: readonly Granularity[] | undefined, target: Target): readonly Granularity[] {
  if (asked && format !== 'verbose_json') {
    throw new Failure('invalid_request', 'timestamp_granularities go with response_format verbose_json only.', {
      param: 'timestamp_granularities',
    });
  }
  if (format === 'json' || format === 'text') return [];
  const timings = [...new Set(asked?.length ? asked : (['segment'] as const))];
  const missing = timings.find((timing) => !target.timings.includes(timing));
  if (missing === undefined) return timings;
  if (target.timings.includes('segment')) {
    throw new Failure('unsupported_parameter', `${target.name} does not time single words.`, {
      param: 'timestamp_granularities',
    });
  }
  throw new Failure(
    'unsupported_parameter',
    `${target.name} does not say when what was said, which response_format ${format} is about; it takes json and text.`,
    { param: 'response_format' },
  );
}

type Encoding = (transcript: Transcript, timings: readonly Granularity[]) => { type: string; text: string };

const encodings: Record<Format, Encoding> = {
  json: (transcript) => json({ text: transcript.text, ...usageOf(transcript) }),
  text: ({ text }) => plain(`${text}\n`),
  verbose_json: (transcript, timings) =>
    json({
      task: 'transcribe',
      language: transcript.language ?? null,
      duration: transcript.duration ?? transcript.segments?.at(-1)?.end ?? 0,
      text: transcript.text,
      ...(timings.includes('segment') && { segments: transcript.segments?.map((segment, id) => ({ id, ...segment })) }),
      ...(timings.includes('word') && { words: transcript.words }),
      ...usageOf(transcript),
    }),
  srt: ({ segments = [] }) => plain(segments.map((segment, at) => `${at + 1}\n${cue(segment, ',')}`).join('')),
  vtt: ({ segments = [] }) => plain(`WEBVTT\n\n${segments.map((segment) => cue(segment, '.')).join('')}`),
};

function json(body: object): { type: string; text: string } {
  return { type: 'application/json; charset=utf-8', text: JSON.stringify(body) };
}

function plain(text: string): { type: string; text: string } {
  return { type: 'text/plain; charset=utf-8', text };
}

/** A blank line would end a cue, and an arrow would begin the next. */
function cue({ start, end, text }: Segment, point: string): string {
  const said = text
    .trim()
    .replace(/\s*\n\s*/g, '\n')
    .replaceAll('-->', '->');
  return `${clock(start, point)} --> ${clock(end, point)}\n${said}\n\n`;
}

/** `01:02:03,004` */
function clock(seconds: number, point: string): string {
  const ms = Math.round(Math.max(seconds, 0) * 1_000);
  const part = (value: number, width: number): string => String(Math.floor(value)).padStart(width, '0');
  const [hours, minutes] = [ms / 3_600_000, (ms / 60_000) % 60];
  return `${part(hours, 2)}:${part(minutes, 2)}:${part((ms / 1_000) % 60, 2)}${point}${part(ms % 1_000, 3)}`;
}

function usageOf({ usage, duration }: Transcript): object {
  if (usage) {
    const { promptTokens, completionTokens } = usage;
    const tokens = { input_tokens: promptTokens, output_tokens: completionTokens };
    return { usage: { type: 'tokens', ...tokens, total_tokens: promptTokens + completionTokens } };
  }
  return duration === undefined ? {} : { usage: { type: 'duration', seconds: duration } };
}
