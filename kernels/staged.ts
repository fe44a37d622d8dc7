// Runs a kernel stage by stage: what a backend without a tuned routine of it does.
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

/**
 * Runs the stages in order, their temporaries in memory of the backend that is free again at the end. `runStage` computes
 * every cell of `out`; its operands come in the order of `stage.reads`.
 */
export function runStages(
  backend: Backend,
  kernel: Kernel,
  inputs: Readonly<Record<string, View | number>>,
  outputs: Readonly<Record<string, View>>,
  runStage: (stage: Stage, operands: (View | number)[], out: View) => void,
): void {
  const operands: Record<string, View | number> = { ...inputs };
  const temps: View[] = [];
  for (const stage of kernel.stages) {
    let out: View | undefined = outputs[stage.out];
    if (!out) temps.push((out = temporary(backend, kernel, stage.out, { ...inputs, ...outputs })));
    const values = stage.reads.map((name) => operands[name]);
    runStage(stage, values, out);
    operands[stage.out] = out;
  }
  for (const { storage } of temps) backend.free(storage);
}

/** Memory for a temporary of the extents that the kernel says. */
function temporary(backend: Backend, kernel: Kernel, name: string, operands: Record<string, View | number>): View {
  const dims: Record<string, Dims> = {};
  const numbers: Record<string, number> = {};
  for (const [key, operand] of Object.entries(operands))
    if (typeof operand === 'number') numbers[key] = operand;
    else dims[key] = operand.dims;
  const extents = kernel.temps![name](dims, numbers);
  return { storage: backend.alloc(cellsOf(extents)), dims: extents };
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
    runStages(this, kernel, inputs, outputs, (stage, operands, out) => this.runStage(kernel, stage, operands, out));
  }

  launchAll<I extends string, O extends string>(kernel: Kernel<I, O>, launches: readonly Launch<I, O>[]): void {
    for (const { inputs, outputs } of launches) this.launch(kernel, inputs, outputs);
  }

  memory(): MemoryStats {
    const { liveBytes, liveStorages, peakBytes } = this.counter;
    return { liveBytes, liveStorages, peakBytes };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
