import { Failure } from '../sdk/index.ts';
import { inputOptions, runFfmpeg } from './ffmpeg.ts';

/** What is known of a video before anything of it is decoded. */
export interface VideoInfo {
  /** Length. */
  readonly seconds: number;
  /** Average rate, frames per second. */
  readonly fps: number;
  /** Counted, not what the container says; some containers count frames that never come out. */
  readonly frames: number;
  /** As it is shown, turned as the file says. Pixels. */
  readonly width: number;
  readonly height: number;
}

interface Probed {
  readonly streams?: readonly {
    readonly width?: number;
    readonly height?: number;
    readonly avg_frame_rate?: string;
    readonly r_frame_rate?: string;
    readonly duration?: string;
    readonly nb_read_packets?: string;
    readonly side_data_list?: readonly { readonly rotation?: number }[];
  }[];
  readonly format?: { readonly duration?: string };
}

const entries =
  'stream=width,height,avg_frame_rate,r_frame_rate,duration,nb_read_packets:stream_side_data=rotation:format=duration';
/** Far more than those entries take. */
const mostJson = 64 * 1024;

/** Asks ffprobe. Throws `media_rejected` for a file without a video in it. */
export async function probe(mime: string, path: string, signal: AbortSignal): Promise<VideoInfo> {
  let json = '';
  const options = ['-select_streams', 'V:0', '-count_packets', '-show_entries', entries, '-of', 'json'];
  await runFfmpeg(
    'ffprobe',
    [...inputOptions(mime, path), ...options],
    (chunk) => {
      json += chunk;
      if (json.length > mostJson)
        throw new Failure('media_rejected', 'The video says more of itself than is read here.');
    },
    signal,
  );
  const { streams, format } = JSON.parse(json) as Probed;
  const stream = streams?.[0];
  const frames = Number(stream?.nb_read_packets ?? 0);
  const { width = 0, height = 0 } = stream ?? {};
  if (!stream || frames < 1 || width < 1 || height < 1) {
    throw new Failure('media_rejected', 'The file has no video in it.');
  }
  const said = [format?.duration, stream.duration].map(Number).find((seconds) => seconds > 0);
  const fps = rate(stream.avg_frame_rate) ?? (said === undefined ? rate(stream.r_frame_rate) : frames / said);
  if (fps === undefined) throw new Failure('media_rejected', 'The video does not say how fast it is.');
  const turned = Math.abs((stream.side_data_list?.find(({ rotation }) => rotation)?.rotation ?? 0) % 180) === 90;
  return {
    // A container may say less than it holds.
    seconds: Math.max(said ?? 0, frames / fps),
    fps,
    frames,
    ...(turned ? { width: height, height: width } : { width, height }),
  };
}

/** `30000/1001` */
function rate(fraction: string | undefined): number | undefined {
  const [over = 0, under = 0] = (fraction ?? '').split('/').map(Number);
  return over > 0 && under > 0 ? over / under : undefined;
}
