// The `wasm` backend: tensors on one heap, kernels of the library as tuned WebAssembly SIMD on all threads.
import type { Backend, Launch, MemoryStats, Storage, View } from '../backend.js';
import { runCells } from '../cells.js';
import { cellsOf, type Kernel } from '../kernel.js';
import { checkLaunch, MemoryCounter, runStages } from '../staged.js';
import { Engine, type EngineOptions } from './engine.js';
import { Call, type Routine } from './native.js';
import { routinesOf } from './natives/index.js';

interface WasmStorage extends Storage {
  /** 0 once it has been freed. */
  pointer: number;
}

/** Bytes of a float32. */
const CELL = 4;

/** Kernels that were said to run slowly. */
const announced = new WeakSet<Kernel>();

/**
 * Launches run to their end before they return: there is no queue, and `read` only has to copy. A launch on a backend
 * with one thread never leaves the calling thread. Memory that `free` gives back is reused at once.
 */
export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly dtype = 'float32';
  readonly description: string;
  readonly threads: number;
  readonly #counter = new MemoryCounter();
  readonly #routines: ReadonlyMap<Kernel, Routine>;
  #engine: Engine | undefined;

  private constructor(engine: Engine) {
    this.#engine = engine;
    this.#routines = routinesOf(engine);
    this.threads = engine.threads;
    const simd = engine.relaxed ? 'relaxed SIMD (fused multiply-add)' : '128-bit SIMD';
    const threads = `${this.threads} ${this.threads === 1 ? 'thread' : 'threads'}`;
    const alone = engine.heap.shared
      ? ''
      : ' (its memory is not shared: more threads need a cross-origin isolated page)';
    this.description = `WebAssembly, ${simd}, ${threads}${alone}`;
  }

  /**
   * Compiles the kernels and starts the threads, by default as many as the machine offers, and one where the host has no
   * memory that they could share.
   * @throws if several are asked for there, naming what is missing
   */
  static async open(options: EngineOptions = {}): Promise<WasmBackend> {
    return new WasmBackend(await Engine.open(options));
  }

  /** @throws if the heap, 4 GiB at most, has no room */
  alloc(cells: number, data?: ArrayLike<number>): Storage {
    const { heap } = this.#open();
    if (data && data.length > cells)
      throw new Error(`wasm: ${data.length} numbers for a storage of ${cells} cells: allocate at least as many`);
    const pointer = heap.alloc(cells * CELL);
    const values = heap.f32(pointer, cells);
    if (data) values.set(data);
    if (data && data.length < cells) values.fill(0, data.length);
    this.#counter.add(cells * CELL);
    const storage: WasmStorage = { backend: this, cells, pointer };
    return storage;
  }

  /** @throws if the storage was freed before */
  free(storage: Storage): void {
    if (!this.#engine) return;
    const { heap } = this.#engine;
    heap.free(this.#pointer(storage));
    (storage as WasmStorage).pointer = 0;
    this.#counter.remove(storage.cells * CELL);
  }

  launch<I extends string, O extends string>(
    kernel: Kernel<I, O>,
    inputs: Readonly<Record<I, View | number>>,
    outputs: Readonly<Record<O, View>>,
  ): void {
    const engine = this.#open();
    checkLaunch(kernel, inputs, outputs);
    const routine = this.#routines.get(kernel);
    if (routine) routine(engine, [this.#call({ inputs, outputs })]);
    else this.#runStages(engine, kernel, { inputs, outputs });
  }

  launchAll<I extends string, O extends string>(kernel: Kernel<I, O>, launches: readonly Launch<I, O>[]): void {
    const engine = this.#open();
    for (const { inputs, outputs } of launches) checkLaunch(kernel, inputs, outputs);
    const routine = this.#routines.get(kernel);
    if (routine) routine(engine, launches.map(this.#call));
    else for (const launch of launches) this.#runStages(engine, kernel, launch);
  }

  readonly #call = ({ inputs, outputs }: Launch): Call =>
    // Two spreads into one object take V8 2.6 µs, longer than all the rest of a launch; this takes a tenth.
    new Call(Object.assign({}, inputs, outputs), this.#pointerOf);

  /** The kernel as its stages say, in JavaScript over the heap, and for the first time with a warning. */
  #runStages({ heap }: Engine, kernel: Kernel, { inputs, outputs }: Launch): void {
    if (!announced.has(kernel))
      console.warn(
        `wasm: kernel ${kernel.name} has no tuned routine, so it runs as plain JavaScript on one thread, many times ` +
          'slower. Compose its op of those that there are, or open gpu:webgpu, which compiles any kernel',
      );
    announced.add(kernel);
    runStages(this, kernel, inputs, outputs, (stage, operands, out) =>
      // Views of the heap are made anew for each stage: an allocation may replace its buffer.
      runCells(stage, operands, out, (view) => heap.f32(this.#pointerOf(view), cellsOf(view.dims))),
    );
  }

  /** A copy of what is there at the time of the call, whatever happens before the promise is awaited. */
  async read(storage: Storage, cells = storage.cells): Promise<Float32Array> {
    if (cells > storage.cells)
      throw new Error(`wasm: cannot read ${cells} cells of a storage that has ${storage.cells}`);
    return this.#open().heap.f32(this.#pointer(storage), cells).slice();
  }

  memory(): MemoryStats {
    const { liveBytes, liveStorages, peakBytes } = this.#counter;
    return { liveBytes, liveStorages, peakBytes, heapBytes: this.#engine?.heap.reachedBytes };
  }

  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.close();
  }

  #open(): Engine {
    if (!this.#engine) throw new Error('wasm: the backend was used after close(). Open another one');
    return this.#engine;
  }

  readonly #pointerOf = (view: View): number => this.#pointer(view.storage);

  #pointer(storage: Storage): number {
    if (storage.backend !== this)
      throw new Error(`wasm: the storage belongs to ${storage.backend.name}: read it there and alloc it here`);
    const { pointer } = storage as WasmStorage;
    if (pointer === 0) throw new Error('wasm: a storage was used after it had been freed, or freed twice');
    return pointer;
  }
}
