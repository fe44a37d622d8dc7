// The WebAssembly module of the lessons, with a memory of its own.
import relaxedBytes from '../../dist/wasm/lessons-relaxed.wasm';
import plainBytes from '../../dist/wasm/lessons.wasm';

type Function = (...args: number[]) => void;

export class LessonModule {
  /** Below lie the module's own constants. */
  private end = 4096;

  private constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly exports: WebAssembly.Exports,
  ) {}

  /** @param relaxed whether a multiply and its add are one instruction, which not every host has */
  static async open(relaxed: boolean): Promise<LessonModule> {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const module = await WebAssembly.compile(relaxed ? relaxedBytes : plainBytes);
    return new LessonModule(memory, new WebAssembly.Instance(module, { env: { memory } }).exports);
  }

  /** Room for numbers, which is never given back. @returns its address */
  alloc(count: number): number {
    const at = this.end;
    this.end = Math.ceil((at + 4 * count) / 64) * 64;
    const lacking = Math.ceil((this.end - this.memory.buffer.byteLength) / 65536);
    if (lacking > 0) this.memory.grow(lacking);
    return at;
  }

  /** Numbers at an address; valid until the next `alloc`. */
  f32(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }

  run(name: string, ...args: number[]): void {
    (this.exports[name] as Function)(...args);
  }
}
