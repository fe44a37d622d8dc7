// The kernels of library/norm.ts on the engine: assembly/norm.ts and assembly/norm-gradient.ts.
import type { Engine } from '../engine.js';
import type { Call, Native, Natives } from '../native.js';
import { spread } from './grid.js';
import { sumParts } from './reduce.js';
import { dropoutArguments } from './rows.js';

/** A norm that goes forward row by row: its operands in the order of the routine's arguments. */
const forward =
  (name: string, operands: readonly string[], drops: boolean): Native =>
  (engine, call) => {
    const [rows, n] = call.dims('y');
    const numbers = [n, call.number('eps'), ...(drops ? dropoutArguments(call) : [])];
    spread(engine, name, rows, rows * n, [...operands.map((operand) => call.at(operand)), ...numbers]);
  };

/** A gradient that leaves sums over rows in parts, which are then added up into `sums`. */
function backward(
  engine: Engine,
  call: Call,
  name: string,
  operands: readonly string[],
  sums: readonly number[],
): void {
  const [rows, n] = call.dims('dy');
  const pointers = ['dy', ...operands].map((operand) => call.at(operand));
  const drop = name === 'layerNormGradient' ? [] : dropoutArguments(call);
  sumParts(engine, rows, n, sums, (partial, blocks) =>
    spread(engine, name, blocks, rows * n, [...pointers, partial, n, rows, ...drop]),
  );
}

const kept = ['mean', 'inverse', 'gain'];
const made = ['gain', 'bias', 'y', 'total', 'mean', 'inverse'];

export const normNatives: Natives = {
  layerNorm: forward('layerNorm', ['x', 'gain', 'bias', 'y', 'mean', 'inverse'], false),
  layerNormGradient: (engine, call) => {
    backward(engine, call, 'layerNormGradient', ['x', ...kept, 'dx'], [call.at('dgain'), call.at('dbias')]);
  },
  dropoutAddNorm: forward('dropoutAddNorm', ['x', 'shift', 'residual', ...made], true),
  dropoutAddNormGradient: (engine, call) => {
    const sums = [call.at('dgain'), call.at('dbias'), call.at('dshift')];
    backward(engine, call, 'dropoutAddNormGradient', ['total', ...kept, 'dresidual', 'dx'], sums);
  },
  embedNorm: forward('embedNorm', ['words', 'ids', 'positions', 'places', 'types', ...made], true),
  embedNormGradient: (engine, call) => {
    engine.heap.f32(call.at('dtypes'), call.cells('dtypes')).fill(0);
    const sums = [call.at('dgain'), call.at('dbias'), call.at('dtypes')];
    backward(engine, call, 'embedNormGradient', ['total', ...kept, 'dx'], sums);
  },
};
