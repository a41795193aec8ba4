import { broken } from './sound.ts';

/** The sound backend itself. */
export default broken(() => ({}));
