import { Failure, type Instance } from '../sdk/index.ts';

/** Why an instance ended by itself. One that rejects where it should resolve has ended too, and takes nobody along. */
export function endOf({ ended }: Instance): Promise<string> | undefined {
  return ended?.catch((thrown: unknown) => Failure.from(thrown).message);
}
