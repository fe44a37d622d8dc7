// Device memory that is used again: buffers given back wait in classes of size for the next request.

import { usage } from './flags.js';

export interface Block {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  /** Number of the last batch of commands that touches the buffer. */
  batch: number;
}

/** Idle memory that is always worth keeping. */
const keptBytes = 64 * 2 ** 20;

export class BufferPool {
  private readonly idle = new Map<number, Block[]>();
  private idleBytes = 0;

  constructor(private readonly device: GPUDevice) {}

  /** A buffer of at least `bytes`, with any content. Throws where no buffer of the device can be so large. */
  take(bytes: number): Block {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes > limit)
      throw new Error(
        `backend gpu:webgpu: an array of ${bytes} bytes exceeds the ${limit} that a buffer of this device may have; use smaller batches or another backend`,
      );
    const size = Math.min(sizeClass(bytes), limit - (limit % 4));
    const block = this.idle.get(size)?.pop();
    if (block) {
      this.idleBytes -= size;
      return block;
    }
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    return { buffer: this.device.createBuffer({ size, usage: flags, label: `${size} bytes` }), bytes: size, batch: -1 };
  }

  /** Takes a buffer back. Commands that were recorded before still see it: the queue keeps their order. */
  give(block: Block): void {
    const blocks = this.idle.get(block.bytes) ?? [];
    blocks.push(block);
    // Last in the map: `trim` starts with the sizes that have not been used for longest.
    this.idle.delete(block.bytes);
    this.idle.set(block.bytes, blocks);
    this.idleBytes += block.bytes;
  }

  /** Destroys idle buffers until they take no more than `liveBytes`; none may be in commands that are not submitted. */
  trim(liveBytes: number): void {
    for (const [size, blocks] of this.idle) {
      while (blocks.length > 0 && this.idleBytes > Math.max(keptBytes, liveBytes)) {
        blocks.pop()!.buffer.destroy();
        this.idleBytes -= size;
      }
      if (blocks.length === 0) this.idle.delete(size);
    }
  }
}

/** Eight sizes between two powers of two: an eighth is wasted at most, and ragged batches find a fitting buffer. */
function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(bytes, 1))) - 3));
  return Math.max(1, Math.ceil(bytes / step)) * step;
}
