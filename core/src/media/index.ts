/**
 * The media kit: what a backend needs to look at what `call.media()` gave it. Types are told by content, and every decoder
 * knows its limits before it decodes. sharp and ffmpeg are loaded and started by the first picture and video.
 */

export { ffmpegVersion } from './ffmpeg.ts';
export { decodeImage, type ImageLimits, type ImageOptions } from './image.ts';
export type { Image } from './pixels.ts';
export type { VideoInfo } from './probe.ts';
export { isImage, isVideo, sniff } from './sniff.ts';
export { decodeVideo, type Video, type VideoLimits } from './video.ts';
