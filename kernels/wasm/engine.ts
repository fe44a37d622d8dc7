// The engine under the `wasm` backend: the compiled module, its heap, its threads, and matrix multiply on top.
import wasm from '../../dist/wasm/kernels.wasm';
import { Heap } from './heap.js';
import type { HeapOptions } from './heap.js';
import { Pool, defaultThreads } from './pool.js';
import { gemm, GEMM_BYTES } from './gemm.js';
import type { Gemm } from './gemm.js';

/** Scratch memory of each thread: a kernel may use all of it during one call, also around calls of `gemm`. */
export const SCRATCH_BYTES = 1 << 20;

export interface EngineOptions extends HeapOptions {
  /** Threads, the caller's included; default: as many as the machine offers. */
  threads?: number;
}

export class Engine {
  #workspace = { pointer: 0, bytes: 0 };

  private constructor(
    readonly heap: Heap,
    readonly pool: Pool,
  ) {}

  /**
   * Compiles the kernels and starts the threads.
   * @throws where the host has no shared WebAssembly memory, naming what is missing
   */
  static async open({ threads, maximumPages }: EngineOptions = {}): Promise<Engine> {
    const count = threads ?? (await defaultThreads());
    if (!Number.isInteger(count) || count < 1) {
      throw new Error(`engine: threads is ${count}: a whole number of at least 1 is needed`);
    }
    if (typeof SharedArrayBuffer === 'undefined') {
      throw new Error(
        'engine: this page has no SharedArrayBuffer because it is not cross-origin isolated. Serve it with the headers ' +
          'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
      );
    }
    const heap = new Heap({ maximumPages });
    const module = await WebAssembly.compile(wasm);
    const scratch = Array.from({ length: count }, () => heap.alloc(SCRATCH_BYTES + GEMM_BYTES));
    const pool = await Pool.open({ module, memory: heap.memory, scratch, scratchBytes: SCRATCH_BYTES });
    return new Engine(heap, pool);
  }

  get threads(): number {
    return this.pool.threads;
  }

  /** Runs a kernel over the tasks [0, tasks) on all threads; see Pool.run. */
  run(name: string, tasks: number, args: readonly number[]): void {
    this.pool.run(name, tasks, args);
  }

  /** Matrix multiply; see Gemm. */
  gemm(problem: Gemm): void {
    gemm(this, problem);
  }

  /** At least `bytes` bytes of memory that is free again at the next call; it stays allocated, warm in the cache. */
  workspace(bytes: number): number {
    if (bytes > this.#workspace.bytes) {
      if (this.#workspace.pointer) this.heap.free(this.#workspace.pointer);
      this.#workspace = { pointer: this.heap.alloc(bytes), bytes };
    }
    return this.#workspace.pointer;
  }

  /** Ends the worker threads. */
  async close(): Promise<void> {
    await this.pool.close();
  }
}
