// The heap of the wasm backend against a model: a list of the blocks that should be live.
import fc from 'fast-check';
import t from 'tap';
import { Heap } from '../../kernels/wasm/heap.js';

const round = (bytes: number) => Math.max(64, Math.ceil(bytes / 64) * 64);

void t.test('random allocations: aligned, disjoint, counted, and nothing left at the end', async () => {
  // A number above 0.5 allocates that share of 100 kB; one below frees the live block at that place.
  const script = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 300 });
  fc.assert(
    fc.property(script, (steps) => {
      const heap = new Heap({ maximumPages: 1000 });
      const live: { pointer: number; bytes: number; mark: number }[] = [];
      let peak = 0;
      for (const [mark, step] of steps.entries()) {
        if (step > 0.5 || live.length === 0) {
          const bytes = Math.floor(step * 1e5);
          const pointer = heap.alloc(bytes);
          if (pointer % 64 !== 0 || pointer === 0) throw new Error(`pointer ${pointer}`);
          const ends = (block: { pointer: number; bytes: number }) => block.pointer + round(block.bytes);
          if (live.some((other) => pointer < ends(other) && other.pointer < pointer + round(bytes))) {
            throw new Error(`${pointer} overlaps a live block`);
          }
          heap.i32(pointer, Math.floor(bytes / 4)).fill(mark);
          live.push({ pointer, bytes, mark });
        } else {
          const [block] = live.splice(Math.floor(step * 2 * live.length) % live.length, 1);
          const words = heap.i32(block.pointer, Math.floor(block.bytes / 4));
          if (!words.every((word) => word === block.mark)) throw new Error('another block wrote here');
          heap.free(block.pointer);
        }
        const bytes = live.reduce((sum, block) => sum + round(block.bytes), 0);
        peak = Math.max(peak, bytes);
        if (heap.liveBytes !== bytes || heap.liveBlocks !== live.length || heap.peakBytes !== peak) {
          throw new Error(`counters: ${heap.liveBytes} ${heap.liveBlocks} ${heap.peakBytes}`);
        }
      }
      for (const { pointer } of live) heap.free(pointer);
      // Everything has grown together again: the first block starts where the very first one did.
      return heap.liveBytes === 0 && heap.alloc(5e5) === new Heap().alloc(1);
    }),
    { numRuns: 200 },
  );
});

void t.test('steps whose sizes vary do not make the heap grow', async (t) => {
  const heap = new Heap();
  let state = 1;
  const random = () => (state = Math.imul(state, 48271) & 0x7fffffff) / 2 ** 31;
  const step = () => {
    const length = 100 + Math.floor(random() * 28);
    const pointers = Array.from({ length: 500 }, () => heap.alloc(length * 256 * Math.ceil(random() * 8)));
    for (const pointer of pointers.sort(() => random() - 0.5)) heap.free(pointer);
  };
  const kept = Array.from({ length: 200 }, () => heap.alloc(Math.floor(1e5 * random())));
  for (let i = 0; i < 5; i++) step();
  for (let i = 0; i < 100; i++) step();
  t.equal(heap.liveBlocks, kept.length);
  t.ok(heap.memory.buffer.byteLength < 1.6 * heap.peakBytes, `${heap.memory.buffer.byteLength} for ${heap.peakBytes}`);
});

void t.test('freed neighbours become one block, and best fit takes the smallest that is large enough', async (t) => {
  const heap = new Heap();
  const [a, b, c, d, e, f] = [1000, 1000, 64, 300, 64, 64].map((bytes) => heap.alloc(bytes));
  heap.free(a);
  heap.free(b);
  heap.free(d);
  t.equal(heap.alloc(290), d, 'the hole of 320 bytes, not the one of 2048');
  t.equal(heap.alloc(2000), a, 'both freed blocks as one');
  for (const pointer of [c, e, f]) heap.free(pointer);
});

void t.test('pointers above 2 GiB and the limit of 4 GiB', async (t) => {
  const heap = new Heap();
  const low = heap.alloc(2 ** 31);
  const high = heap.alloc(2 ** 30);
  t.ok(high >= 2 ** 31);
  heap.f32(high, 4).set([1, 2, 3, 4]);
  t.same([...heap.f32(high, 4)], [1, 2, 3, 4]);
  t.throws(
    () => heap.alloc(2 ** 30),
    /out of memory: 1073741824 bytes asked with 3221225472 bytes live in 2 blocks, limit 4294967296 bytes/,
  );
  heap.free(low);
  t.equal(heap.alloc(2 ** 30), low);
});

void t.test('bad calls', async (t) => {
  const heap = new Heap({ maximumPages: 4 });
  t.throws(() => heap.alloc(-1), /whole number/);
  t.throws(() => heap.alloc(1.5), /whole number/);
  t.throws(() => heap.alloc(NaN), /whole number/);
  const pointer = heap.alloc(0);
  t.not(heap.alloc(0), pointer, 'empty blocks are distinct');
  heap.free(pointer);
  t.throws(() => heap.free(pointer), /not a live block/);
  t.throws(() => heap.free(64), /not a live block/);
  t.throws(() => heap.alloc(4 * 65536), /out of memory/);
});
