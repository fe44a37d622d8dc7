// Commands in order: many launches in one encoder, their sizes in one uniform buffer, their errors for the next read.
import { usage } from './flags.js';
import type { Block } from './pool.js';

/** Launches that go to the device in one go: it starts early, and there are few submits. */
const launchesPerBatch = 128;

export class CommandQueue {
  /** Number of the batch that is being recorded. */
  batch = 0;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private launches = 0;
  private readonly slot: number;
  private readonly parameters: ArrayBuffer;
  private readonly uniform: GPUBuffer;
  private failure: Promise<string | null> = Promise.resolve(null);

  constructor(
    private readonly device: GPUDevice,
    /** Called after each submit. */
    private readonly submitted: () => void,
  ) {
    this.slot = Math.max(256, device.limits.minUniformBufferOffsetAlignment);
    this.parameters = new ArrayBuffer(this.slot * launchesPerBatch);
    this.uniform = device.createBuffer({
      size: this.parameters.byteLength,
      usage: usage.uniform | usage.copyTarget,
      label: 'sizes and numbers',
    });
    this.watch();
    void device.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.failure = Promise.resolve(`the device was lost: ${message}`);
    });
  }

  /** The uniform buffer as a binding; launches choose their part of it by an offset. */
  get parameterBinding(): GPUBufferBinding {
    return { buffer: this.uniform, size: this.slot };
  }

  /** Records a launch. `blocks` are those in `bindGroup`; `fill` writes the launch's sizes and numbers. */
  dispatch(
    pipeline: GPUComputePipeline,
    bindGroup: GPUBindGroup,
    blocks: readonly Block[],
    groups: readonly [number, number],
    fill: (parameters: DataView<ArrayBuffer>) => void,
  ): void {
    const offset = this.launches * this.slot;
    fill(new DataView(this.parameters, offset, this.slot));
    this.pass ??= this.commands().beginComputePass();
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, bindGroup, [offset]);
    this.pass.dispatchWorkgroups(...groups);
    for (const block of blocks) block.batch = this.batch;
    if (++this.launches === launchesPerBatch) this.submit();
  }

  /** Records that a buffer becomes zero. */
  clear(block: Block): void {
    this.transfer().clearBuffer(block.buffer);
    block.batch = this.batch;
  }

  /** Records a copy of the first `bytes`. */
  copy(from: Block, to: GPUBuffer, bytes: number): void {
    this.transfer().copyBufferToBuffer(from.buffer, 0, to, 0, bytes);
    from.batch = this.batch;
  }

  /** Writes at once what `data` holds now, behind all launches that still use the buffer. */
  write(block: Block, data: Float32Array<ArrayBuffer>): void {
    if (block.batch === this.batch) this.submit();
    this.device.queue.writeBuffer(block.buffer, 0, data);
  }

  /** Hands the recorded commands to the device. */
  submit(): void {
    if (!this.encoder) return;
    this.pass?.end();
    if (this.launches > 0)
      this.device.queue.writeBuffer(this.uniform, 0, this.parameters, 0, this.launches * this.slot);
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = this.pass = undefined;
    this.launches = 0;
    this.batch++;
    this.collect();
    this.watch();
    this.submitted();
  }

  /** Resolves when the errors of all that was submitted are known. Throws the first of them. */
  async settle(): Promise<void> {
    const failure = await this.failure;
    if (failure !== null) throw new Error(`backend gpu:webgpu: ${failure}`);
  }

  private commands(): GPUCommandEncoder {
    return (this.encoder ??= this.device.createCommandEncoder());
  }

  /** The encoder outside of a compute pass. */
  private transfer(): GPUCommandEncoder {
    this.pass?.end();
    this.pass = undefined;
    return this.commands();
  }

  private watch(): void {
    for (const filter of errorKinds) this.device.pushErrorScope(filter);
  }

  private collect(): void {
    const before = this.failure;
    const scopes = errorKinds.map(() => this.device.popErrorScope().then((error) => error?.message ?? null, String));
    this.failure = Promise.all([before, ...scopes]).then((messages) => messages.find((text) => text !== null) ?? null);
  }
}

const errorKinds = ['out-of-memory', 'internal', 'validation'] as const;
