import { broken } from '../sound.ts';

/** Shows clients where the model lies. */
export default broken((sound) => ({
  load: async (signal) => ({ ...(await sound.load(signal)), details: { file: `${process.cwd()}/model.bin` } }),
}));
