// The backend `gpu:webgpu`: gpu.js compiles the kernels, this file runs them; arrays stay on the device.
import { cellsOf, type Kernel, type Stage } from '../kernel.js';
import type { FloatArray, Storage, View } from '../backend.js';
import { StagedBackend } from '../staged.js';
import { openDevice, type Device } from './device.js';
import { mapModeRead, usage } from './flags.js';
import { BufferPool, type Block } from './pool.js';
import { Program } from './program.js';
import { CommandQueue } from './queue.js';

interface DeviceStorage extends Storage {
  block: Block | undefined;
}

export class WebGpuBackend extends StagedBackend {
  readonly name = 'gpu:webgpu';
  readonly description: string;
  readonly dtype = 'float32';
  /** True where the CPU stands in for a GPU. */
  readonly isSoftwareAdapter: boolean;
  private readonly device: GPUDevice;
  private readonly pool: BufferPool;
  private readonly queue: CommandQueue;
  private readonly programs = new Map<Stage, Program>();

  private constructor({ device, description, isSoftwareAdapter }: Device) {
    super();
    this.device = device;
    this.isSoftwareAdapter = isSoftwareAdapter;
    this.description = `gpu.js, WebGPU on ${description}${isSoftwareAdapter ? ' (software, no GPU)' : ''}`;
    this.pool = new BufferPool(device);
    this.queue = new CommandQueue(device, () => this.pool.trim(this.counter.liveBytes));
  }

  /** Throws naming the package or the driver to add where there is no WebGPU. */
  static async open(): Promise<WebGpuBackend> {
    return new WebGpuBackend(await openDevice());
  }

  alloc(cells: number, data?: ArrayLike<number>): Storage {
    const block = this.pool.take(4 * cells);
    if (data && data.length < cells) this.queue.clear(block);
    if (data) this.queue.write(block, data instanceof Float32Array ? ownBuffer(data) : Float32Array.from(data));
    this.counter.add(4 * cells);
    const storage: DeviceStorage = { backend: this, cells, block };
    return storage;
  }

  free(storage: Storage): void {
    this.pool.give(blockOf(storage));
    this.counter.remove(4 * storage.cells);
    (storage as DeviceStorage).block = undefined;
  }

  async read(storage: Storage, cells = storage.cells): Promise<FloatArray> {
    const size = 4 * cells;
    const block = blockOf(storage);
    const staging = this.device.createBuffer({
      size: Math.max(size, 4),
      usage: usage.mapRead | usage.copyTarget,
      label: 'read',
    });
    this.queue.copy(block, staging, size);
    this.queue.submit();
    const mapped = staging.mapAsync(mapModeRead, 0, size).then(() => null, String);
    await this.queue.settle();
    const failure = await mapped;
    if (failure !== null) throw new Error(`backend gpu:webgpu: an array cannot be read: ${failure}`);
    const values = new Float32Array(staging.getMappedRange(0, size).slice(0));
    staging.destroy();
    return values;
  }

  override async close(): Promise<void> {
    this.queue.submit();
    await this.device.queue.onSubmittedWorkDone();
    this.device.destroy();
  }

  protected override runStage(kernel: Kernel, stage: Stage, operands: (View | number)[], out: View): void {
    if (cellsOf(out.dims) === 0) return;
    const program = this.program(kernel, stage);
    const arrays = operands.filter((operand) => typeof operand === 'object');
    const blocks = arrays.map(({ storage }) => blockOf(storage));
    const target = out.storage as DeviceStorage;
    // A shader may not write a buffer that it reads: an update in place fills another one, which then takes its place.
    const replaced = arrays.some(({ storage }) => storage === target) ? blockOf(target) : undefined;
    if (replaced) {
      target.block = this.pool.take(4 * target.cells);
      if (cellsOf(out.dims) < target.cells) this.queue.copy(replaced, target.block.buffer, 4 * target.cells);
    }
    const result = blockOf(target);
    const views = [...arrays, out];
    const entries = [...blocks, result].map(({ buffer }, i) => ({
      binding: i + 1,
      resource: { buffer, size: Math.max(4, 4 * cellsOf(views[i].dims)) },
    }));
    const bindGroup = this.device.createBindGroup({
      label: program.label,
      layout: program.layout,
      entries: [{ binding: 0, resource: this.queue.parameterBinding }, ...entries],
    });
    const used = [...blocks, result];
    this.queue.dispatch(program.pipeline, bindGroup, used, program.groups(out.dims), (parameters) =>
      program.fill(parameters, operands, out.dims),
    );
    if (replaced) this.pool.give(replaced);
  }

  private program(kernel: Kernel, stage: Stage): Program {
    let program = this.programs.get(stage);
    if (!program) this.programs.set(stage, (program = new Program(this.device, kernel, stage)));
    return program;
  }
}

function blockOf(storage: Storage): Block {
  const { block } = storage as DeviceStorage;
  if (!block) throw new Error('backend gpu:webgpu: a storage was used after it had been freed');
  return block;
}

/** WebGPU takes no memory that threads share. */
const ownBuffer = (data: Float32Array): Float32Array<ArrayBuffer> =>
  data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : new Float32Array(data);
