// The reference backend: every cell function run as plain JavaScript, in float32 or float64.
import type { Kernel, Stage } from './kernel.js';
import type { Dtype, FloatArray, Storage, View } from './backend.js';
import { nest, StagedBackend } from './staged.js';

interface PlainStorage extends Storage {
  data: FloatArray | undefined;
}

export class ReferenceBackend extends StagedBackend {
  readonly name = 'reference';
  readonly description: string;

  constructor(readonly dtype: Dtype = 'float32') {
    super();
    this.description = `plain JavaScript, ${dtype}`;
  }

  alloc(cells: number, data?: ArrayLike<number>): Storage {
    const values = this.dtype === 'float64' ? new Float64Array(cells) : new Float32Array(cells);
    if (data) values.set(data);
    this.counter.add(values.byteLength);
    const storage: PlainStorage = { backend: this, cells, data: values };
    return storage;
  }

  free(storage: Storage): void {
    const plain = storage as PlainStorage;
    if (!plain.data) throw new Error('reference: a storage was freed twice');
    this.counter.remove(plain.data.byteLength);
    plain.data = undefined;
  }

  read(storage: Storage, cells = storage.cells): Promise<FloatArray> {
    return Promise.resolve(dataOf(storage).slice(0, cells));
  }

  protected override runStage(_kernel: Kernel, stage: Stage, operands: (View | number)[], out: View): void {
    const values = operands.map((operand) =>
      typeof operand === 'number' ? this.round(operand) : nest(dataOf(operand.storage), operand.dims),
    );
    const target = dataOf(out.storage);
    const [depth, height, width] = [1, 1, 1, ...out.dims].slice(-3);
    const thread = { x: 0, y: 0, z: 0 };
    const cell = stage.cell.bind({ thread });
    let index = 0;
    for (thread.z = 0; thread.z < depth; thread.z++)
      for (thread.y = 0; thread.y < height; thread.y++)
        for (thread.x = 0; thread.x < width; thread.x++) target[index++] = cell(...values);
  }

  private round(value: number): number {
    return this.dtype === 'float32' ? Math.fround(value) : value;
  }
}

function dataOf(storage: Storage): FloatArray {
  const { data } = storage as PlainStorage;
  if (!data) throw new Error('reference: a storage was used after it had been freed');
  return data;
}
