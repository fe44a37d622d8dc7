// The engine under the `wasm` backend: the compiled module, its heap, its threads, and matrix multiply on top.
import fused from '../../dist/wasm/kernels-relaxed.wasm';
import plain from '../../dist/wasm/kernels.wasm';
import { Heap } from './heap.js';
import type { HeapOptions } from './heap.js';
import { Pool, defaultThreads } from './pool.js';
import { gemm, GEMM_BYTES, packB } from './gemm.js';
import type { Gemm } from './gemm.js';
import { hasRelaxedSimd } from './relaxed.js';
import { unshared } from './unshared.js';

/** Scratch memory of each thread: a kernel may use all of it during one call, also around calls of `gemm`. */
export const SCRATCH_BYTES = 1 << 20;

export interface EngineOptions extends HeapOptions {
  /** Threads, the caller's included; default: as many as the machine offers, and 1 without shared memory. */
  threads?: number;
  /** Whether threads can share the memory; default: where the host has SharedArrayBuffer. */
  shared?: boolean;
  /** Whether to use relaxed SIMD, whose multiply-add is one instruction; default: where the host has it. */
  relaxed?: boolean;
}

export class Engine {
  #workspace = { pointer: 0, bytes: 0 };
  /** Rows of the register tile of `gemm`. */
  readonly tileRows: number;

  private constructor(
    readonly heap: Heap,
    readonly pool: Pool,
    /** Whether a multiply and its add are one instruction, with one rounding. */
    readonly relaxed: boolean,
  ) {
    this.tileRows = pool.constant('tileRows');
  }

  /**
   * Compiles the kernels and starts the threads.
   * @throws if several threads are asked for where they can share no memory, naming what is missing
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const { threads, shared = typeof SharedArrayBuffer !== 'undefined', relaxed, maximumPages } = options;
    const count = threads ?? (shared ? await defaultThreads() : 1);
    if (!Number.isInteger(count) || count < 1) {
      throw new Error(`engine: threads is ${count}: a whole number of at least 1 is needed`);
    }
    if (count > 1 && !shared) {
      throw new Error(
        `engine: threads is ${count}, but threads share memory, which a page has only if it is cross-origin isolated. ` +
          'Leave threads out to compute on one, or serve the page with the headers ' +
          'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
      );
    }
    const heap = new Heap({ maximumPages, shared });
    const fuses = relaxed ?? (await hasRelaxedSimd());
    const bytes = fuses ? fused : plain;
    const module = await WebAssembly.compile(shared ? bytes : unshared(bytes));
    const scratch = Array.from({ length: count }, () => heap.alloc(SCRATCH_BYTES + GEMM_BYTES));
    const pool = await Pool.open({ module, memory: heap.memory, scratch, scratchBytes: SCRATCH_BYTES });
    return new Engine(heap, pool, fuses);
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

  /** Packs a B that several products share; see packB. */
  pack(b: Pick<Gemm, 'b' | 'n' | 'k' | 'transB'>): number {
    return packB(this, b);
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
