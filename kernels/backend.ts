// The contract between tensors and machines: allocate, enqueue, free, and one asynchronous read.
import type { Dims, Kernel } from './kernel.js';

export type FloatArray = Float32Array | Float64Array;
export type Dtype = 'float32' | 'float64';

/** Names by which `openBackend` finds a backend. */
export const backendNames = ['reference', 'gpu:cpu', 'gpu:webasm', 'gpu:webgpu', 'wasm'] as const;
export type BackendName = (typeof backendNames)[number];

/** Memory of a backend, opaque to all others. Integer ids and bits are kept as numbers too, exact below 2^24. */
export interface Storage {
  readonly backend: Backend;
  readonly cells: number;
}

/** A storage (or its first cells) seen as an array of the given extents, row-major. */
export interface View {
  readonly storage: Storage;
  readonly dims: Dims;
}

/** The operands of one launch of a kernel. */
export interface Launch<I extends string = string, O extends string = string> {
  readonly inputs: Readonly<Record<I, View | number>>;
  readonly outputs: Readonly<Record<O, View>>;
}

export interface MemoryStats {
  /** Bytes and number of storages that are allocated and not freed. */
  liveBytes: number;
  liveStorages: number;
  /** Most bytes that were ever live at once. */
  peakBytes: number;
  /** Where a backend has a heap of its own: how far it ever reached, with working memory and the holes between blocks. */
  heapBytes?: number;
}

export interface Backend {
  readonly name: BackendName;
  /** What really runs, for people: device, threads, versions. */
  readonly description: string;
  readonly dtype: Dtype;
  /** Threads that take part in a launch (1 where that has no meaning). */
  readonly threads: number;
  /** Memory for `cells` numbers: `data` and then zeros if given, else whatever was there. */
  alloc(cells: number, data?: ArrayLike<number>): Storage;
  /** Gives the memory back. Launches that were enqueued before still see it. After `close` it does nothing. */
  free(storage: Storage): void;
  /**
   * Enqueues a kernel; returns at once. `inputs` and `outputs` are what the kernel declares, ranks included.
   * Throws where operands are not what the kernel declares, or their storage is too small; never because of the numbers in it.
   */
  launch<I extends string, O extends string>(
    kernel: Kernel<I, O>,
    inputs: Readonly<Record<I, View | number>>,
    outputs: Readonly<Record<O, View>>,
  ): void;
  /**
   * Enqueues a kernel for each of several sets of operands, as if by `launch` in their order; a backend may do so at the
   * price of one launch, and round what they add up in one place only once.
   */
  launchAll<I extends string, O extends string>(kernel: Kernel<I, O>, launches: readonly Launch<I, O>[]): void;
  /** A copy of the first `cells` numbers (default all), after everything enqueued so far has run. */
  read(storage: Storage, cells?: number): Promise<FloatArray>;
  memory(): MemoryStats;
  /** Stops threads and frees all memory; the backend must not be used afterwards. */
  close(): Promise<void>;
}
