import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { Failure, type Log, type ModelSpec } from '@backplane/core/sdk';
import { GgufFileType, type Llama, type LlamaModel, resolveModelFile } from 'node-llama-cpp';
import { engine } from './engine.ts';
import { checkModelFile } from './model-file.ts';
import type { Options } from './options.ts';

/** Below this, waking threads costs more than the arithmetic they would share. */
const small = 50 * 1024 * 1024;

/** Weights in memory, and the settings that depend on them. */
export interface Model {
  readonly llama: Llama;
  readonly weights: LlamaModel;
  /** Tokens that one slot holds. */
  readonly contextSize: number;
  readonly threads: number;
  readonly flashAttention: 'auto' | boolean;
  readonly vocabulary: number;
  /** For `GET /v1/models/{id}`. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Throws a sentence that names the path as config.yaml has it. */
export async function openModel(spec: ModelSpec<Options>, log: Log, signal: AbortSignal): Promise<Model> {
  const options = spec.options;
  const file = await locate(spec, log, signal);
  const bytes = await checkModelFile(file, options.path);
  const llama = await engine(options.gpu ?? (process.platform === 'darwin' ? 'auto' : false), log);
  const onCpu = llama.gpu === false;
  const flashAttention = options.flash_attention ?? (onCpu && bytes < small ? false : 'auto');
  const weights = await llama
    .loadModel({
      modelPath: file,
      defaultContextFlashAttention: flashAttention,
      loadSignal: signal,
      ...(options.gpu_layers !== undefined && { gpuLayers: options.gpu_layers }),
    })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw new Failure(
        'backend_failed',
        `llama.cpp cannot load ${options.path}: ${why.replaceAll(file, options.path)}`,
        {
          cause: error,
        },
      );
    });
  const trained = weights.trainContextSize;
  const contextSize = options.context_size ?? Math.min(trained ?? 4096, 4096);
  if (trained !== undefined && contextSize > trained) {
    log.warn({ contextSize, trained }, 'context_size is longer than the model was trained for: answers may degrade');
  }
  const cores = availableParallelism();
  const { metadata } = weights.fileInfo;
  const fileType = metadata.general.file_type;
  return {
    llama,
    weights,
    contextSize,
    threads: options.threads ?? (bytes < small ? 1 : Math.max(1, cores - 1)),
    flashAttention,
    vocabulary: metadata.tokenizer.ggml.tokens.length,
    details: {
      file: basename(file),
      architecture: metadata.general.architecture,
      ...(fileType !== undefined && { quantization: (GgufFileType[fileType] ?? 'unknown').replace('MOSTLY_', '') }),
      size_bytes: bytes,
      parameters: weights.fileInsights.totalParameters,
      ...(trained !== undefined && { trained_context: trained }),
      engine: `llama.cpp ${llama.llamaCppRelease.release}`,
      gpu: llama.gpu,
    },
  };
}

async function locate(spec: ModelSpec<Options>, log: Log, signal: AbortSignal): Promise<string> {
  const path = spec.options.path;
  if (!path.startsWith('hf:')) return resolve(spec.directory, path);
  log.info({ model: spec.id, uri: path }, 'resolving the model, downloading it if it is not there yet');
  try {
    return await resolveModelFile(path, {
      directory: resolve(spec.directory, spec.options.models_dir),
      cli: false,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('backend_failed', `The model ${path} could not be downloaded: ${why}`, { cause: error });
  }
}
