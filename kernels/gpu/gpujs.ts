// The backends `gpu:cpu` and `gpu:webasm`: every stage compiled by gpu.js to JavaScript or to WebAssembly, run at once.
import { cellsOf, type Kernel, type Stage } from '../kernel.js';
import type { FloatArray, Storage, View } from '../backend.js';
import { nest, StagedBackend, type Nested } from '../staged.js';
import { compileStage, flatArray, type Compiled } from './compile.js';

interface PlainStorage extends Storage {
  data: Float32Array | undefined;
}

export class GpuJsBackend extends StagedBackend {
  readonly name: 'gpu:cpu' | 'gpu:webasm';
  readonly description: string;
  readonly dtype = 'float32';
  private readonly compiled = new Map<Stage, Compiled>();

  /** Throws where the machine cannot run the mode. */
  constructor(readonly mode: 'cpu' | 'webasm') {
    super();
    if (mode === 'webasm' && typeof WebAssembly !== 'object')
      throw new Error('backend gpu:webasm: needs WebAssembly, which this machine lacks; use gpu:cpu');
    this.name = `gpu:${mode}`;
    this.description = mode === 'cpu' ? 'gpu.js, JavaScript, 1 thread' : 'gpu.js, WebAssembly SIMD, 1 thread';
  }

  alloc(cells: number, data?: ArrayLike<number>): Storage {
    const values = new Float32Array(cells);
    if (data) values.set(data);
    this.counter.add(values.byteLength);
    const storage: PlainStorage = { backend: this, cells, data: values };
    return storage;
  }

  free(storage: Storage): void {
    this.counter.remove(this.dataOf(storage).byteLength);
    (storage as PlainStorage).data = undefined;
  }

  read(storage: Storage, cells = storage.cells): Promise<FloatArray> {
    return Promise.resolve(this.dataOf(storage).slice(0, cells));
  }

  override close(): Promise<void> {
    for (const compiled of this.compiled.values()) compiled.destroy();
    this.compiled.clear();
    return Promise.resolve();
  }

  protected override runStage(kernel: Kernel, stage: Stage, operands: (View | number)[], out: View): void {
    if (cellsOf(out.dims) === 0) return;
    const compiled = this.compile(kernel, stage);
    compiled.setOutput([...out.dims].reverse());
    const values = operands.map((operand) => (typeof operand === 'number' ? operand : this.argument(operand)));
    compiled.build(...values);
    flatten(compiled.run(...values) as Nested<Float32Array>, this.dataOf(out.storage), 0);
  }

  private compile(kernel: Kernel, stage: Stage): Compiled {
    let compiled = this.compiled.get(stage);
    if (!compiled) this.compiled.set(stage, (compiled = compileStage(this.mode, kernel, stage)));
    return compiled;
  }

  /** An array as gpu.js takes it: rows of rows for JavaScript, flat with its extents for WebAssembly. */
  private argument({ storage, dims }: View): unknown {
    // gpu.js has no empty arrays; no cell of this one is ever asked for.
    const empty = cellsOf(dims) === 0;
    const extents = empty ? dims.map(() => 1) : dims;
    const data = empty ? new Float32Array(1) : this.dataOf(storage).subarray(0, cellsOf(dims));
    return this.mode === 'cpu' ? nest(data, extents) : flatArray(data, extents);
  }

  private dataOf(storage: Storage): Float32Array {
    const { data } = storage as PlainStorage;
    if (!data) throw new Error(`backend ${this.name}: a storage was used after it had been freed`);
    return data;
  }
}

/** Copies rows of rows into a flat array from `start` on; returns where they end. */
function flatten(rows: Nested<Float32Array>, target: Float32Array, start: number): number {
  if (!Array.isArray(rows)) {
    target.set(rows, start);
    return start + rows.length;
  }
  return rows.reduce((end, row) => flatten(row, target, end), start);
}
