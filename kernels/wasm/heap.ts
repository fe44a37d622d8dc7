// The one heap under the `wasm` backend: best fit with coalescing (Knuth, TAOCP 1, section 2.5) over one memory.

const PAGE = 65536;
const ALIGN = 64;
/** The first page is the module's own: whatever static data AssemblyScript lays down sits there. */
const BASE = PAGE;

interface Free {
  start: number;
  bytes: number;
}

export interface HeapOptions {
  /** Largest size of the memory in pages of 64 KiB; 65536 is 4 GiB, all that 32-bit pointers reach. */
  maximumPages?: number;
  /** Whether threads can share the memory; default: yes. */
  shared?: boolean;
}

/**
 * Blocks of one growing WebAssembly.Memory. Pointers are unsigned 32-bit byte offsets as JavaScript numbers, multiples
 * of 64. The free blocks are kept in order of size, then address, and best fit takes the lowest of the smallest that
 * are large enough: sizes that change at every step leave few holes, and the same calls give the same pointers.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly #limit: number;
  /** Where memory never handed out begins. */
  #top = BASE;
  readonly #live = new Map<number, number>();
  readonly #bySize: Free[] = [];
  readonly #byStart = new Map<number, Free>();
  readonly #byEnd = new Map<number, Free>();
  #liveBytes = 0;
  #peakBytes = 0;
  #reachedBytes = BASE;

  constructor({ maximumPages = 65536, shared = true }: HeapOptions = {}) {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared });
    this.shared = shared;
    // The last 64 bytes stay unused, so that a pointer just past a block never wraps to 0.
    this.#limit = maximumPages * PAGE - ALIGN;
  }

  /** Bytes in blocks that were handed out and not yet freed, rounded up to 64 a block. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Blocks that were handed out and not yet freed. */
  get liveBlocks(): number {
    return this.#live.size;
  }

  /** The largest liveBytes so far. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Where the highest block so far ended: what the machine has given us pages for, live or not. */
  get reachedBytes(): number {
    return this.#reachedBytes;
  }

  /**
   * A block of at least `bytes` bytes (at least 64, also for 0), not cleared.
   * @throws if the memory cannot hold it
   */
  alloc(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new Error(`heap: cannot allocate ${bytes} bytes: the size must be a whole number, 0 or more`);
    }
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const at = this.#search(size, 0);
    let start: number;
    if (at < this.#bySize.length) {
      const block = this.#bySize[at];
      start = block.start;
      this.#remove(block);
      if (block.bytes > size) this.#insert(start + size, block.bytes - size);
    } else {
      start = this.#extend(size);
    }
    this.#live.set(start, size);
    this.#liveBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return start;
  }

  /**
   * Gives a block back.
   * @throws if `pointer` is not a live block of this heap
   */
  free(pointer: number): void {
    const size = this.#live.get(pointer);
    if (size === undefined) {
      throw new Error(`heap: ${pointer} is not a live block: free each pointer once, exactly as alloc returned it`);
    }
    this.#live.delete(pointer);
    this.#liveBytes -= size;
    let start = pointer;
    let end = pointer + size;
    const before = this.#byEnd.get(start);
    if (before) {
      this.#remove(before);
      start = before.start;
    }
    const after = this.#byStart.get(end);
    if (after) {
      this.#remove(after);
      end = after.start + after.bytes;
    }
    if (end === this.#top) this.#top = start;
    else this.#insert(start, end - start);
  }

  /**
   * The floats at `pointer`: a view for here and now, not to be kept. The next `alloc` may grow the memory, and memory that
   * is not shared then has a new buffer, with the views of the old one empty.
   */
  f32(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }

  /** The 32-bit integers at `pointer`, as f32 does for floats. */
  i32(pointer: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, pointer, length);
  }

  /** Takes `size` bytes at the top, growing the memory by a quarter at a time so that growing stays rare. */
  #extend(size: number): number {
    const start = this.#top;
    const end = start + size;
    const have = this.memory.buffer.byteLength;
    if (end > have) {
      const wanted = Math.min(Math.max(end, have + have / 4), this.#limit + ALIGN);
      if (end > this.#limit) throw this.#exhausted(size);
      try {
        this.memory.grow(Math.ceil((wanted - have) / PAGE));
      } catch {
        throw this.#exhausted(size);
      }
    }
    this.#top = end;
    this.#reachedBytes = Math.max(this.#reachedBytes, end);
    return start;
  }

  #exhausted(size: number): Error {
    return new Error(
      `heap: out of memory: ${size} bytes asked with ${this.#liveBytes} bytes live in ${this.#live.size} blocks, ` +
        `limit ${this.#limit + ALIGN} bytes. Use a smaller batch, shorter sequences or a smaller model`,
    );
  }

  /** Index of the first free block of at least (size, start) in the order by size, then address. */
  #search(size: number, start: number): number {
    let low = 0;
    let high = this.#bySize.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = this.#bySize[middle];
      if (block.bytes < size || (block.bytes === size && block.start < start)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(start: number, bytes: number): void {
    const block = { start, bytes };
    this.#bySize.splice(this.#search(bytes, start), 0, block);
    this.#byStart.set(start, block);
    this.#byEnd.set(start + bytes, block);
  }

  #remove(block: Free): void {
    this.#bySize.splice(this.#search(block.bytes, block.start), 1);
    this.#byStart.delete(block.start);
    this.#byEnd.delete(block.start + block.bytes);
  }
}
