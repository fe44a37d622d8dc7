// Threads over one WebAssembly memory: synchronous launches, tasks claimed by an atomic counter (self-scheduling, 1987).
import type { Worker as NodeWorker } from 'node:worker_threads';

/** A kernel does the tasks [begin, end) of its grid: `f(...args, begin, end)`. */
type Kernel = (...args: number[]) => void;

/** Cells of the control area; those that several threads write lie in cache lines of their own. */
const cells = {
  epoch: 0,
  sleeping: 16,
  next: 32,
  active: 48,
  open: 64,
  kernel: 65,
  tasks: 66,
  chunk: 67,
  argc: 68,
  failed: 69,
  messageLength: 70,
};
const layout = {
  ...cells,
  argsByte: 512,
  maxArgs: 32,
  messageByte: 768,
  maxMessage: 512,
  bytes: 2048,
  /** How long an idle worker polls before it sleeps: a little longer than a training step leaves between launches. */
  spinMs: 0.2,
};

interface WorkerData {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  control: ArrayBufferLike;
  scratch: number;
  scratchBytes: number;
  thread: number;
  layout: typeof layout;
}

/**
 * The whole life of a worker. Turned into source text, so it may refer to nothing outside itself. A worker counts
 * itself into `active` before it looks whether the launch is still open, and main closes a launch before it waits for
 * `active` to reach 0: a worker that comes late either is waited for or sees a closed launch, and never runs the
 * arguments of one launch on the tasks of the next.
 */
function work({ module, memory, control, scratch, scratchBytes, thread, layout }: WorkerData): void {
  const cells = new Int32Array(control);
  const args = new Float64Array(control, layout.argsByte, layout.maxArgs);
  const exported = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const kernels = WebAssembly.Module.exports(module).map(({ name }) => exported[name] as Kernel);
  (exported.setScratch as Kernel)(scratch, scratchBytes);
  let seen = 0;
  for (;;) {
    const until = performance.now() + layout.spinMs;
    while (Atomics.load(cells, layout.epoch) === seen && performance.now() < until);
    if (Atomics.load(cells, layout.epoch) === seen) {
      Atomics.add(cells, layout.sleeping, 1);
      Atomics.wait(cells, layout.epoch, seen);
      Atomics.sub(cells, layout.sleeping, 1);
    }
    seen = Atomics.load(cells, layout.epoch);
    Atomics.add(cells, layout.active, 1);
    if (Atomics.load(cells, layout.open)) {
      try {
        const kernel = kernels[cells[layout.kernel]];
        const given = Array.from(args.subarray(0, cells[layout.argc]));
        const tasks = cells[layout.tasks];
        const chunk = cells[layout.chunk];
        let begin: number;
        while ((begin = Atomics.add(cells, layout.next, chunk)) < tasks) {
          kernel(...given, begin, Math.min(begin + chunk, tasks));
        }
      } catch (error) {
        // The rest of the launch is worth nothing: leave no task for the others, and tell main why.
        Atomics.store(cells, layout.next, cells[layout.tasks]);
        if (Atomics.compareExchange(cells, layout.failed, 0, thread) === 0) {
          const text = new TextEncoder().encode(String(error)).subarray(0, layout.maxMessage);
          new Uint8Array(control, layout.messageByte).set(text);
          cells[layout.messageLength] = text.length;
        }
      }
    }
    if (Atomics.sub(cells, layout.active, 1) === 1) Atomics.notify(cells, layout.active);
  }
}

export interface PoolOptions {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** One scratch area a thread; as many threads as areas. */
  scratch: readonly number[];
  scratchBytes: number;
}

/** As many threads as the machine offers. */
export async function defaultThreads(): Promise<number> {
  if (isNode()) return (await import('node:os')).availableParallelism();
  return navigator.hardwareConcurrency;
}

function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

/** Runs kernels of one module on the calling thread and a worker for each further thread. */
export class Pool {
  readonly threads: number;
  readonly #exports: WebAssembly.Exports;
  readonly #kernels = new Map<string, { index: number; call: Kernel }>();
  readonly #control: ArrayBufferLike;
  readonly #cells: Int32Array;
  readonly #args: Float64Array;
  readonly #mayWait = mayWait();
  #terminate: (() => Promise<unknown>)[] = [];
  #lost: Error | undefined;

  private constructor({ module, memory, scratch, scratchBytes }: PoolOptions) {
    this.threads = scratch.length;
    // One thread shares it with nobody, and runs where nothing can be shared too.
    this.#control = this.threads > 1 ? new SharedArrayBuffer(layout.bytes) : new ArrayBuffer(layout.bytes);
    this.#cells = new Int32Array(this.#control);
    this.#args = new Float64Array(this.#control, layout.argsByte, layout.maxArgs);
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports;
    WebAssembly.Module.exports(module).forEach(({ name }, index) => {
      this.#kernels.set(name, { index, call: this.#exports[name] as Kernel });
    });
    this.runHere('setScratch', 0, [scratch[0], scratchBytes]);
  }

  /**
   * Starts the workers and returns without waiting for them: until they are up, launches run on fewer threads.
   * @throws in a browser page that is not cross-origin isolated, if more than one thread is asked for
   */
  static async open(options: PoolOptions): Promise<Pool> {
    const pool = new Pool(options);
    for (let thread = 1; thread < pool.threads; thread++) {
      await pool.#start({
        module: options.module,
        memory: options.memory,
        control: pool.#control,
        scratch: options.scratch[thread],
        scratchBytes: options.scratchBytes,
        thread,
        layout,
      });
    }
    return pool;
  }

  /**
   * Runs the kernel `name` over the tasks [0, tasks) and returns when all are done.
   * @throws if the kernel traps on any thread
   */
  run(name: string, tasks: number, args: readonly number[]): void {
    if (tasks <= 0) return;
    if (this.threads === 1 || tasks === 1) {
      this.runHere(name, tasks, args);
      return;
    }
    if (this.#lost) throw this.#lost;
    const { index, call } = this.#find(name);
    const cells = this.#cells;
    const chunk = Math.max(1, Math.floor(tasks / (this.threads * 64)));
    if (args.length > layout.maxArgs)
      throw new Error(`pool: ${name} has ${args.length} arguments, at most ${layout.maxArgs}`);
    this.#args.set(args);
    cells[layout.argc] = args.length;
    cells[layout.kernel] = index;
    cells[layout.tasks] = tasks;
    cells[layout.chunk] = chunk;
    cells[layout.failed] = 0;
    Atomics.store(cells, layout.next, 0);
    Atomics.store(cells, layout.open, 1);
    Atomics.add(cells, layout.epoch, 1);
    if (Atomics.load(cells, layout.sleeping) > 0) Atomics.notify(cells, layout.epoch);
    try {
      let begin: number;
      while ((begin = Atomics.add(cells, layout.next, chunk)) < tasks) {
        call(...args, begin, Math.min(begin + chunk, tasks));
      }
    } catch (error) {
      Atomics.store(cells, layout.next, tasks);
      throw failure(name, 0, String(error), error);
    } finally {
      Atomics.store(cells, layout.open, 0);
      this.#drain();
    }
    if (cells[layout.failed] !== 0) {
      const bytes = new Uint8Array(this.#control, layout.messageByte, cells[layout.messageLength]);
      throw failure(name, cells[layout.failed], new TextDecoder().decode(bytes.slice()));
    }
  }

  /** Whether the module exports a kernel of this name. */
  has(name: string): boolean {
    return this.#kernels.has(name);
  }

  /** The value of a global constant of the module. */
  constant(name: string): number {
    return (this.#exports[name] as WebAssembly.Global).value as number;
  }

  /** As run, on the calling thread alone: for work too small to share. */
  runHere(name: string, tasks: number, args: readonly number[]): void {
    const { call } = this.#find(name);
    try {
      call(...args, 0, tasks);
    } catch (error) {
      throw failure(name, 0, String(error), error);
    }
  }

  /** Ends the workers; nothing may be run afterwards. */
  async close(): Promise<void> {
    this.#lost = new Error('pool: it was closed. Open another one');
    await Promise.all(this.#terminate.map((terminate) => terminate()));
    this.#terminate = [];
  }

  #find(name: string): { index: number; call: Kernel } {
    const kernel = this.#kernels.get(name);
    if (!kernel) {
      const known = [...this.#kernels.keys()].join(', ');
      throw new Error(`pool: no kernel '${name}' in the module, which has ${known}. Rebuild it with: npm run build`);
    }
    return kernel;
  }

  /** Waits until no worker is inside the launch: first by polling, then, where the host allows it, asleep. */
  #drain(): void {
    const until = this.#mayWait ? performance.now() + layout.spinMs : Infinity;
    let active: number;
    while ((active = Atomics.load(this.#cells, layout.active)) !== 0) {
      if (performance.now() > until) Atomics.wait(this.#cells, layout.active, active, 10);
    }
  }

  async #start(data: WorkerData): Promise<void> {
    const lose = (error: unknown) => {
      this.#lost ??= new Error(`pool: worker ${data.thread} died: ${String(error)}. Open the engine again`);
    };
    if (isNode()) {
      const threads = await import('node:worker_threads');
      const source = `(${work.toString()})(require('node:worker_threads').workerData)`;
      const worker: NodeWorker = new threads.Worker(source, { eval: true, workerData: data, execArgv: [] });
      worker.on('error', lose);
      worker.unref();
      this.#terminate.push(() => worker.terminate());
    } else {
      const source = `onmessage = (event) => (${work.toString()})(event.data)`;
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      const worker = new Worker(url);
      worker.onerror = (event) => lose(event.message);
      worker.postMessage(data);
      this.#terminate.push(async () => {
        worker.terminate();
        URL.revokeObjectURL(url);
      });
    }
  }
}

function failure(name: string, thread: number, message: string, cause?: unknown): Error {
  return new Error(`pool: kernel '${name}' failed on thread ${thread}: ${message}. Check its pointers and sizes`, {
    cause,
  });
}

/** Whether this thread may sleep in Atomics.wait: everywhere but on a browser's main thread. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}
