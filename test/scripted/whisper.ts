import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Shape, safetensors, type Tensor } from './safetensors.ts';

/** What the model hears in every recording. */
export const scriptedSpeech = 'server ready token stream';

/** Whisper's own tokens: `<|en|>` after the start, then the time 0, the four words, the time 1 s, the end. */
const script = [50259, 50359, 50364, 7154, 1919, 14862, 4309, 50414, 50257];
const vocabulary = 51_865;
const width = 64;
const audioContext = 1_500;
const textContext = 448;
const mels = 80;

const one = 0x3c00;
const minusOne = 0xbc00;
/** How far the place outweighs the last token: 128. */
const strength = 0x5800;
const sign = 0x8000;

/**
 * Writes a Whisper model that says one thing, as a folder that mlx_whisper loads. Its attention and feed-forward outputs
 * are zero, so a token follows from the place alone: the place's embedding points to that of the next token, and those of
 * a vocabulary of random signs are far from each other. Halves, as Whisper wants them.
 */
export async function writeScriptedWhisper(folder: string): Promise<void> {
  const embedding = new Uint16Array(vocabulary * width);
  let random = 1;
  for (const at of embedding.keys()) {
    // xorshift32
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    embedding[at] = random & 0x1000 ? one : minusOne;
  }
  const places = new Uint16Array(textContext * width);
  for (const place of Array(textContext).keys()) {
    const next = script[place] ?? (script.at(-1) as number);
    for (const at of Array(width).keys()) {
      const value = embedding[next * width + at] as number;
      places[place * width + at] = strength | (value & sign);
    }
  }
  const filled = (shape: Shape, value: number): Tensor => [
    shape,
    new Uint16Array(shape.reduce((all, size) => all * size, 1)).fill(value),
  ];
  const linear = (name: string, to: number, from: number, bias = true): [string, Tensor][] => [
    [`${name}.weight`, filled([to, from], 0)],
    ...(bias ? [[`${name}.bias`, filled([to], 0)] as [string, Tensor]] : []),
  ];
  const norm = (name: string): [string, Tensor][] => [
    [`${name}.weight`, filled([width], one)],
    [`${name}.bias`, filled([width], 0)],
  ];
  const attention = (name: string): [string, Tensor][] => [
    ...linear(`${name}.query`, width, width),
    ...linear(`${name}.key`, width, width, false),
    ...linear(`${name}.value`, width, width),
    ...linear(`${name}.out`, width, width),
  ];
  const block = 'decoder.blocks.0';
  const tensors = Object.fromEntries<Tensor>([
    ['encoder.conv1.weight', filled([width, 3, mels], 0)],
    ['encoder.conv1.bias', filled([width], 0)],
    ['encoder.conv2.weight', filled([width, 3, width], 0)],
    ['encoder.conv2.bias', filled([width], 0)],
    ...norm('encoder.ln_post'),
    ['decoder.token_embedding.weight', [[vocabulary, width], embedding]],
    ['decoder.positional_embedding', [[textContext, width], places]],
    ...attention(`${block}.attn`),
    ...norm(`${block}.attn_ln`),
    ...attention(`${block}.cross_attn`),
    ...norm(`${block}.cross_attn_ln`),
    ...linear(`${block}.mlp1`, 4 * width, width),
    ...linear(`${block}.mlp2`, width, 4 * width),
    ...norm(`${block}.mlp_ln`),
    ...norm('decoder.ln'),
  ]);
  const config = {
    model_type: 'whisper',
    n_mels: mels,
    n_audio_ctx: audioContext,
    n_audio_state: width,
    n_audio_head: 1,
    n_audio_layer: 0,
    n_vocab: vocabulary,
    n_text_ctx: textContext,
    n_text_state: width,
    n_text_head: 1,
    n_text_layer: 1,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'weights.safetensors'), safetensors(tensors));
}
