// One stage of a kernel as a compute pipeline: gpu.js writes the shader, the grid and the bindings are ours.
import { cellsOf, type Dims, type Kernel, type Stage } from '../kernel.js';
import type { View } from '../backend.js';
import { computeStage } from './flags.js';
import { compileWgsl, type ParamsLayout } from './compile.js';

/** Most workgroups along an axis of a dispatch, in every implementation. */
const groupLimit = 65535;

const plainEntry = 'fn main(@builtin(global_invocation_id) gid : vec3<u32>) {';

/** In place of gpu.js's grid, whose axes end at 65535 groups each: tiles of 8 x 8 cells are counted through. */
const tiledEntry = `fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(num_workgroups) groups : vec3<u32>,
  @builtin(local_invocation_id) lane : vec3<u32>) {
  let tile = group.x + groups.x * group.y;
  let wide = (params.outputX + 7u) / 8u;
  let tall = (params.outputY + 7u) / 8u;
  let gid = vec3<u32>(tile % wide * 8u + lane.x, tile / wide % tall * 8u + lane.y, tile / wide / tall);`;

export class Program {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly label: string;
  private readonly params: ParamsLayout;
  private readonly flat: boolean;

  constructor(device: GPUDevice, kernel: Kernel, stage: Stage) {
    this.label = `kernel ${kernel.name}, stage ${stage.out}`;
    const { compiledSource, paramsLayout, workgroupSize } = compileWgsl(kernel, stage);
    this.params = paramsLayout;
    this.flat = workgroupSize[1] === 1;
    const code = this.flat ? compiledSource : compiledSource.replace(plainEntry, tiledEntry);
    if (!this.flat && code === compiledSource)
      throw new Error(`${this.label}: gpu.js gave a shader without the entry point known of version 2.24.1; pin it`);
    const arrays = paramsLayout.arrayArgs.length;
    this.layout = device.createBindGroupLayout({
      label: this.label,
      entries: [
        bufferEntry(0, { type: 'uniform', hasDynamicOffset: true }),
        ...paramsLayout.arrayArgs.map((_, i) => bufferEntry(1 + i, { type: 'read-only-storage' })),
        bufferEntry(1 + arrays, { type: 'storage' }),
      ],
    });
    this.pipeline = device.createComputePipeline({
      label: this.label,
      layout: device.createPipelineLayout({ label: this.label, bindGroupLayouts: [this.layout] }),
      compute: { module: device.createShaderModule({ code, label: this.label }), entryPoint: 'main' },
    });
  }

  /** Workgroups along x and y for an output of these extents, which is not empty. */
  groups(dims: Dims): [number, number] {
    const [depth, height, width] = padded(dims);
    const total = this.flat ? Math.ceil(width / 64) : Math.ceil(width / 8) * Math.ceil(height / 8) * depth;
    const rows = Math.ceil(total / groupLimit);
    return [Math.ceil(total / rows), rows];
  }

  /** Writes the extents of output and operands and all numbers where the shader looks for them. */
  fill(parameters: DataView, operands: readonly (View | number)[], out: Dims): void {
    const extents = (offset: number, dims: Dims, last: number) =>
      [...padded(dims).reverse(), last].forEach((n, i) => parameters.setUint32(offset + 4 * i, n, true));
    extents(0, out, this.groups(out)[0] * 64);
    for (const { index, dimsOffset } of this.params.arrayArgs) {
      const { dims } = operands[index] as View;
      extents(dimsOffset, dims, cellsOf(dims));
    }
    for (const { index, offset } of this.params.scalarArgs)
      parameters.setFloat32(offset, operands[index] as number, true);
  }
}

const bufferEntry = (binding: number, buffer: GPUBufferBindingLayout): GPUBindGroupLayoutEntry => ({
  binding,
  visibility: computeStage,
  buffer,
});

/** Extents with ones in front, three of them. */
const padded = (dims: Dims): number[] => [1, 1, ...dims].slice(-3);
