// Runs a kernel stage by stage: what every backend without a tuned routine does (reference, gpu.js).
import { cellsOf, type Dims, type Kernel, type Stage } from './kernel.js';
import type { Backend, BackendName, Dtype, FloatArray, Launch, MemoryStats, Storage, View } from './backend.js';

/** Counts what is allocated; shared by all backends. */
export class MemoryCounter implements MemoryStats {
  liveBytes = 0;
  liveStorages = 0;
  peakBytes = 0;

  add(bytes: number): void {
    this.liveBytes += bytes;
    this.liveStorages++;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
  }

  remove(bytes: number): void {
    this.liveBytes -= bytes;
    this.liveStorages--;
  }
}

/** Checks a launch against the kernel's declaration. Throws naming the kernel and the operand. */
export function checkLaunch(
  kernel: Kernel,
  inputs: Record<string, View | number>,
  outputs: Record<string, View>,
): void {
  const check = (name: string, rank: number, operand: View | number | undefined) => {
    const given =
      operand === undefined ? 'nothing' : typeof operand === 'number' ? 'a number' : `rank ${operand.dims.length}`;
    const wanted = rank === 0 ? 'a number' : `rank ${rank}`;
    if (given !== wanted) throw new Error(`kernel ${kernel.name}: ${name} must be ${wanted}, was ${given}`);
    if (typeof operand === 'object' && cellsOf(operand.dims) > operand.storage.cells)
      throw new Error(
        `kernel ${kernel.name}: ${name} is [${operand.dims.join(', ')}], but its storage has ${operand.storage.cells} cells`,
      );
  };
  for (const [name, rank] of Object.entries(kernel.inputs)) check(name, rank, inputs[name]);
  for (const [name, rank] of Object.entries(kernel.outputs)) check(name, rank, outputs[name]);
}

/** Rows of rows. */
export type Nested<A> = A | Nested<A>[];

/** A flat array as rows of rows, sharing its memory. */
export function nest<A extends FloatArray>(data: A, dims: Dims): Nested<A> {
  if (dims.length === 1) return data;
  const stride = cellsOf(dims.slice(1));
  return Array.from({ length: dims[0] }, (_, i) =>
    nest(data.subarray(i * stride, (i + 1) * stride) as A, dims.slice(1)),
  );
}

export abstract class StagedBackend implements Backend {
  abstract readonly name: BackendName;
  abstract readonly description: string;
  abstract readonly dtype: Dtype;
  readonly threads = 1;
  protected readonly counter = new MemoryCounter();

  abstract alloc(cells: number, data?: ArrayLike<number>): Storage;
  abstract free(storage: Storage): void;
  abstract read(storage: Storage, cells?: number): Promise<FloatArray>;
  /** Computes every cell of `out`; `operands` come in the order of `stage.reads`. */
  protected abstract runStage(kernel: Kernel, stage: Stage, operands: (View | number)[], out: View): void;

  launch<I extends string, O extends string>(
    kernel: Kernel<I, O>,
    inputs: Readonly<Record<I, View | number>>,
    outputs: Readonly<Record<O, View>>,
  ): void {
    checkLaunch(kernel, inputs, outputs);
    const operands: Record<string, View | number> = { ...inputs };
    const temps: View[] = [];
    for (const stage of kernel.stages) {
      const out = stage.out in outputs ? outputs[stage.out as O] : this.temp(kernel, stage.out, inputs, outputs);
      if (!(stage.out in outputs)) temps.push(out);
      this.runStage(
        kernel,
        stage,
        stage.reads.map((name) => operands[name]),
        out,
      );
      operands[stage.out] = out;
    }
    for (const { storage } of temps) this.free(storage);
  }

  launchAll<I extends string, O extends string>(kernel: Kernel<I, O>, launches: readonly Launch<I, O>[]): void {
    for (const { inputs, outputs } of launches) this.launch(kernel, inputs, outputs);
  }

  private temp(
    kernel: Kernel,
    name: string,
    inputs: Record<string, View | number>,
    outputs: Record<string, View>,
  ): View {
    const dims: Record<string, Dims> = {};
    const numbers: Record<string, number> = {};
    for (const [key, operand] of Object.entries({ ...inputs, ...outputs }))
      if (typeof operand === 'number') numbers[key] = operand;
      else dims[key] = operand.dims;
    const extents = kernel.temps![name](dims, numbers);
    return { storage: this.alloc(cellsOf(extents)), dims: extents };
  }

  memory(): MemoryStats {
    const { liveBytes, liveStorages, peakBytes } = this.counter;
    return { liveBytes, liveStorages, peakBytes };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
