import { type DType, dtypes } from '../../src/native.ts';

export interface StandInTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface StandInStage {
  readonly inputs: readonly StandInTensor[];
  readonly outputs: readonly StandInTensor[];
}

export interface StandInNetwork {
  readonly name: string;
  readonly dynamic?: boolean;
  readonly addressMode?: number;
  readonly stages: readonly StandInStage[];
}

/** A bmodel for the stand-in libraries: the vendor's header, and then text. */
export function standInModel(networks: readonly StandInNetwork[]): Buffer {
  const lines = networks.flatMap(({ name, dynamic, addressMode = 0, stages }) => [
    `network ${name} ${dynamic ? 'dynamic' : 'static'} ${addressMode}`,
    ...stages.flatMap(({ inputs, outputs }) => [
      'stage',
      ...inputs.map((one) => tensor('in', one)),
      ...outputs.map((one) => tensor('out', one)),
    ]),
  ]);
  const text = Buffer.from(lines.join('\n'));
  const header = Buffer.alloc(64);
  header.writeUInt32LE(0xff55aaee, 0);
  header.writeUInt32LE(64, 4);
  header.writeUInt32LE(text.length, 8);
  return Buffer.concat([header, text]);
}

function tensor(side: 'in' | 'out', { name, dtype, shape }: StandInTensor): string {
  return `${side} ${name} ${dtypes.indexOf(dtype)} ${shape.join('x')}`;
}
