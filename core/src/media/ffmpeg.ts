import { spawn } from 'node:child_process';
import { Failure } from '../sdk/index.ts';

/** Demuxers by the type that the content says. */
const demuxers: Readonly<Record<string, string>> = {
  'video/mp4': 'mov',
  'video/quicktime': 'mov',
  'video/x-msvideo': 'avi',
  'video/x-matroska': 'matroska',
  'video/webm': 'matroska',
  'video/x-flv': 'flv',
  'video/x-ms-wmv': 'asf',
};

/** Largest single allocation. A frame of 4096x4096 with 16 bits a channel is 100 MB. */
const mostAlloc = 256 * 1024 * 1024;
const environment = ['PATH', 'LD_LIBRARY_PATH', 'LANG', 'TMPDIR'] as const;

/**
 * Options in front of an input, for both programs: which demuxer, and no way from there to playlists, other protocols or
 * other files.
 */
export function inputOptions(mime: string, path: string): string[] {
  const demuxer = demuxers[mime];
  if (demuxer === undefined) {
    throw new Failure(
      'media_rejected',
      'This is no video that this server reads: MP4, AVI, MOV, MKV, WEBM, FLV or WMV.',
    );
  }
  return [
    ...['-v', 'error', '-max_alloc', String(mostAlloc), '-threads', '2'],
    ...['-format_whitelist', 'mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,flv,asf', '-protocol_whitelist', 'file,pipe'],
    ...['-f', demuxer, '-i', `file:${path}`],
  ];
}

/**
 * Runs one of ffmpeg's programs, without a shell, and hands over what it writes; `take` may throw to end it. It is killed
 * when the signal aborts. Resolves when it has exited well; throws `media_rejected` when it has not or is not installed.
 */
export async function runFfmpeg(
  program: 'ffmpeg' | 'ffprobe',
  options: readonly string[],
  take: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(program, options, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // No key of the server's is in reach of what decodes a stranger's file.
    env: Object.fromEntries(environment.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    signal,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < 4_096) said += text;
  });
  let thrown: unknown;
  child.stdout.on('data', (chunk: Buffer) => {
    if (thrown !== undefined) return;
    try {
      take(chunk);
    } catch (failure) {
      thrown = failure;
      child.kill('SIGKILL');
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      // Of one that runs this is the abort, and it is over when it is closed.
      if (child.pid === undefined) reject(notStarted(error));
    });
    child.once('close', resolve);
  });
  signal.throwIfAborted();
  if (thrown !== undefined) throw thrown;
  if (code === 0) return;
  // Its own words name files and addresses: for the cause, not for the client.
  const cause = new Error(`${program} exited with ${code}: ${said.slice(0, 500)}`);
  const reason = 'The video could not be decoded: it is broken, cut short or of an unknown kind.';
  throw new Failure('media_rejected', reason, { cause });
}

/** undefined: it is not installed. */
export async function ffmpegVersion(signal: AbortSignal): Promise<string | undefined> {
  let said = '';
  const take = (chunk: Buffer): void => {
    said += chunk;
  };
  try {
    await runFfmpeg('ffprobe', ['-version'], take, signal);
    said = '';
    await runFfmpeg('ffmpeg', ['-version'], take, signal);
  } catch {
    return undefined;
  }
  return /^ffmpeg version (\S+)/.exec(said)?.[1];
}

function notStarted(cause: NodeJS.ErrnoException): Failure {
  if (cause.code !== 'ENOENT' && cause.code !== 'EACCES') {
    return new Failure('internal', 'The decoder of videos could not be started.', { cause });
  }
  const reason =
    'This server cannot read videos, since ffmpeg is not installed on it. Its operator can change that (apt-get install ffmpeg); pictures are read without it.';
  return new Failure('media_rejected', reason, { cause });
}
