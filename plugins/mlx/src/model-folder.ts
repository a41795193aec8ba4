import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@backplane/core/sdk';

/** What an MLX model's own files say of it. */
export interface ModelFolder {
  readonly contextLength?: number;
  readonly architecture?: string;
  /** Bits per weight, where it is quantised. */
  readonly bits?: number;
  /** Whether its chat template knows tools. */
  readonly tools: boolean;
}

interface Config {
  readonly model_type?: unknown;
  readonly max_position_embeddings?: unknown;
  readonly text_config?: { readonly max_position_embeddings?: unknown };
  readonly quantization?: { readonly bits?: unknown };
}

/** Reads config.json and the chat template. `shown`: the folder as config.yaml has it, for messages. */
export async function readModelFolder(folder: string, shown: string): Promise<ModelFolder> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => {
    throw new Failure(
      'backend_failed',
      `There is no MLX model in ${shown}: a folder with a config.json is needed, and a relative path starts at the folder of config.yaml`,
    );
  });
  let config: Config;
  try {
    config = JSON.parse(text) as Config;
  } catch {
    throw new Failure('backend_failed', `The config.json of ${shown} is no JSON`);
  }
  const length = config.max_position_embeddings ?? config.text_config?.max_position_embeddings;
  const bits = config.quantization?.bits;
  return {
    ...(typeof length === 'number' && { contextLength: length }),
    ...(typeof config.model_type === 'string' && { architecture: config.model_type }),
    ...(typeof bits === 'number' && { bits }),
    tools: /\btools\b/.test(await chatTemplate(folder)),
  };
}

async function chatTemplate(folder: string): Promise<string> {
  const own = await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(() => undefined);
  return own ?? (await readFile(join(folder, 'tokenizer_config.json'), 'utf8').catch(() => ''));
}
