// safetensors: round trips, half precisions, views and copies, and headers that lie.
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import t from 'tap';
import { duplicateKey } from '../../nn/json-keys.js';
import { readSafetensors, SafetensorsFile, writeSafetensors } from '../../nn/safetensors.js';
import type { HostTensor, TensorData } from '../../nn/safetensors.js';

function join(chunks: Uint8Array[], shift = 0): Uint8Array {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const bytes = new Uint8Array(shift + size);
  let at = shift;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.subarray(shift);
}

function withHeader(header: unknown, dataBytes: number, claimed?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const arrays: readonly ((bytes: Uint8Array<ArrayBuffer>) => TensorData)[] = [
  ({ buffer }) => new Float64Array(buffer),
  ({ buffer }) => new Float32Array(buffer),
  ({ buffer }) => new BigInt64Array(buffer),
  ({ buffer }) => new Int32Array(buffer),
  ({ buffer }) => new Int16Array(buffer),
  ({ buffer }) => new Int8Array(buffer),
  ({ buffer }) => new Uint8Array(buffer),
];

/** Tensors of any type and shape with any bits in them, NaN payloads included. */
const tensor: fc.Arbitrary<HostTensor> = fc
  .tuple(fc.constantFrom(...arrays), fc.array(fc.nat(4), { maxLength: 3 }), fc.infiniteStream(fc.nat(255)))
  .map(([make, shape, stream]) => {
    const length = shape.reduce((size, n) => size * n, 1);
    const bytes = new Uint8Array(length * make(new Uint8Array(0)).BYTES_PER_ELEMENT);
    return { shape, data: make(bytes.map(() => stream.next().value as number) as Uint8Array<ArrayBuffer>) };
  });
const name = fc
  .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('7', '__proto__', 'a.weight', '"\\'))
  .filter((n) => n !== '__metadata__' && !/\p{Surrogate}/u.test(n));
const named = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([n]) => n, maxLength: 6 });
const bits = ({ data }: HostTensor): number[] => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

void t.test('what is written is read back, bit for bit, wherever the file lies in memory', async () => {
  fc.assert(
    fc.property(named, fc.dictionary(name, fc.string()), fc.nat(9), (tensors, metadata, shift) => {
      const bytes = join(writeSafetensors(tensors, metadata), shift);
      const file = new SafetensorsFile(bytes, 'memory');
      assert.deepEqual({ ...file.metadata }, { format: 'pt', ...metadata });
      assert.equal(file.tensors.size, tensors.length);
      for (const [n, written] of tensors) {
        const read = file.read(n);
        assert.equal(read.data.constructor, written.data.constructor);
        assert.deepEqual([read.shape, bits(read)], [written.shape, bits(written)]);
        const info = file.tensors.get(n);
        assert.equal(info && info.begin % written.data.BYTES_PER_ELEMENT, 0, 'aligned in the file');
      }
    }),
    { numRuns: 60 },
  );
});

void t.test('layout: header padded to 8 bytes, wide elements first, otherwise in order, no copies', async (t) => {
  const b = { shape: [3], data: Float32Array.of(1, 2, 3) };
  const tensors = [
    ['u', { shape: [1], data: Uint8Array.of(9) }],
    ['10', b],
    ['9', { shape: [], data: Float32Array.of(4) }],
    ['i', { shape: [1], data: BigInt64Array.of(-1n) }],
  ] as const;
  const chunks = writeSafetensors(tensors);
  const header = new TextDecoder().decode(chunks[0].subarray(8));
  t.equal(chunks[0].length % 8, 0);
  t.match(header, /^\{"__metadata__":\{"format":"pt"\},"i":.*"10":.*"9":.*"u":.*\} *$/);
  t.equal(chunks[2].buffer, b.data.buffer, 'a view of the tensor, not a copy');
  t.strictSame([...new SafetensorsFile(join(chunks), 'm').tensors.keys()], ['i', '10', '9', 'u']);
});

void t.test('a Node Buffer and an unaligned file are read alike', async (t) => {
  const bytes = Buffer.from(join(writeSafetensors([['a', { shape: [2], data: Float32Array.of(1.5, -2) }]])));
  for (const shift of [0, 1, 2, 3, 4]) {
    const moved = Buffer.alloc(bytes.length + 8).subarray(shift, shift + bytes.length);
    bytes.copy(moved);
    t.strictSame([...new SafetensorsFile(moved, 'b').read('a').data], [1.5, -2]);
  }
});

void t.test('half precision is widened', async (t) => {
  const halves: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x83ff, -1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, NaN],
  ];
  const bytes = withHeader({ h: entry('F16', [12], 0, 24), b: entry('BF16', [4], 24, 32) }, 32);
  const data = new DataView(bytes.buffer, bytes.length - 32);
  halves.forEach(([half], i) => data.setUint16(2 * i, half, true));
  [0x3f80, 0xc2f7, 0x7f80, 0x0001].forEach((half, i) => data.setUint16(24 + 2 * i, half, true));
  const file = new SafetensorsFile(bytes, 'halves');
  t.strictSame(
    [...file.read('h').data],
    halves.map(([, value]) => value),
  );
  t.strictSame([...file.float32('b').data], [1, -123.5, Infinity, 2 ** -133]);
});

void t.test('float32() converts floating point and refuses integers', async (t) => {
  const tensors: [string, HostTensor][] = [
    ['d', { shape: [2], data: Float64Array.of(0.1, -1e300) }],
    ['i', { shape: [1], data: Int32Array.of(1) }],
  ];
  const file = new SafetensorsFile(join(writeSafetensors(tensors)), 'f.safetensors');
  t.strictSame([...file.float32('d').data], [Math.fround(0.1), -Infinity]);
  t.throws(() => file.float32('i'), /f\.safetensors: tensor "i": is I32, expected floating point/);
  t.throws(() => file.read('x'), /f\.safetensors: tensor "x": no such tensor; the file has d, i/);
});

void t.test('a file is read through a ByteSource one tensor at a time', async (t) => {
  const bytes = join(writeSafetensors([4, 8].map((n) => [`t${n}`, { shape: [n], data: new Float32Array(n) }])));
  const asked: number[] = [];
  const source = {
    size: bytes.length,
    read: (begin: number, end: number) => (asked.push(end - begin), bytes.slice(begin, end)),
  };
  const file = new SafetensorsFile(source, 's');
  t.equal(
    asked.reduce((a, b) => a + b),
    bytes.length - 48,
    'opening reads the header only',
  );
  t.equal(file.read('t8').data.length, 8);
  t.equal(asked.at(-1), 32);
  const short = new SafetensorsFile({ ...source, read: (b, e) => bytes.slice(b, Math.min(e, bytes.length - 1)) }, 's');
  t.throws(() => short.read('t8'), /s: tensor "t8": read 31 of 32 bytes/);
});

void t.test('headers that lie are refused, naming file and tensor', async (t) => {
  const bad: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /0 bytes long, too short/],
    ['seven bytes', new Uint8Array(7), /too short/],
    ['header beyond the file', withHeader({}, 4, 7), /says it is 7 bytes long, the file has 6/],
    ['header of 2^63', withHeader({}, 0, 2 ** 63), /says it is 9223372036854775808 bytes/],
    ['not JSON', withHeader('{"a":', 0), /header is not JSON/],
    ['not UTF-8', withHeader('{}', 0).fill(0xff, 8), /header is not JSON in UTF-8/],
    ['an array', withHeader([], 0), /not a JSON object/],
    ['null', withHeader('null', 0), /not a JSON object/],
    ['duplicate', withHeader('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":1}', 0), /key "a" twice/],
    ['duplicate inside', withHeader('{"a":{"dtype":"U8","dtype":"I8"}}', 0), /key "dtype" twice/],
    ['metadata', withHeader({ __metadata__: { a: 1 } }, 0), /__metadata__ must be an object of strings/],
    ['metadata null', withHeader({ __metadata__: null }, 0), /__metadata__ must be an object of strings/],
    ['entry', withHeader({ w: 3 }, 0), /tensor "w".*entry is not an object/],
    ['dtype', withHeader({ w: entry(8 as unknown as string, [1], 0, 1) }, 1), /tensor "w".*dtype 8 is not a text/],
    [
      'overlap of unknown types',
      withHeader({ a: entry('U64', [1], 0, 8), w: entry('U64', [1], 4, 12) }, 12),
      /overlaps/,
    ],
    ['no shape', withHeader({ w: { dtype: 'U8', data_offsets: [0, 1] } }, 1), /tensor "w".*shape undefined/],
    ['negative', withHeader({ w: entry('U8', [-1], 0, 1) }, 1), /shape \[-1\]/],
    ['fraction', withHeader({ w: entry('U8', [1.5], 0, 1) }, 1), /shape \[1.5\]/],
    ['string size', withHeader({ w: entry('U8', ['1'], 0, 1) }, 1), /shape/],
    ['offsets reversed', withHeader({ w: entry('U8', [1], 1, 0) }, 1), /data_offsets \[1,0\]/],
    ['offset negative', withHeader({ w: entry('U8', [1], -1, 0) }, 1), /data_offsets/],
    ['offset huge', withHeader({ w: entry('U8', [1], 0, 2 ** 60) }, 1), /data_offsets/],
    ['product', withHeader({ w: entry('F32', [2, 2], 0, 12) }, 12), /F32 \[2, 2\] needs 16 bytes .* give it 12/],
    ['overflow', withHeader({ w: entry('U8', [2 ** 32, 2 ** 32], 0, 0) }, 0), /needs 18446744073709552000 bytes/],
    ['overflow by wrapping', withHeader({ w: entry('U8', Array(80).fill(2 ** 40), 0, 1) }, 1), /needs Infinity bytes/],
    ['cut short', withHeader({ w: entry('F32', [2], 0, 8) }, 5), /tensor "w".*ends at byte 8 of a data section of 5/],
    ['hole', withHeader({ v: entry('U8', [1], 0, 1), w: entry('U8', [1], 2, 3) }, 3), /tensor "w".*leaves a hole/],
    ['hole in front', withHeader({ w: entry('U8', [1], 1, 2) }, 2), /tensor "w".*leaves a hole/],
    ['overlap', withHeader({ w: entry('U8', [2], 1, 3), v: entry('U8', [2], 0, 2) }, 3), /tensor "w".*overlaps/],
    ['same bytes', withHeader({ v: entry('U8', [2], 0, 2), w: entry('U8', [2], 0, 2) }, 2), /overlaps/],
    ['rest', withHeader({ w: entry('U8', [1], 0, 1) }, 3), /2 bytes after the last tensor/],
  ];
  for (const [what, bytes, message] of bad) {
    t.throws(() => readSafetensors(bytes, 'bad.safetensors'), { message }, what);
    t.throws(
      () => readSafetensors(bytes, 'bad.safetensors'),
      { message: /^bad\.safetensors: / },
      `${what}: names the file`,
    );
  }
  t.equal(readSafetensors(withHeader({ w: entry('U8', [0], 0, 0), v: entry('U8', [1], 0, 1) }, 1), 'ok').size, 2);
});

void t.test('any damage to a file is either refused in one line or leaves a readable file', async () => {
  const good = join(writeSafetensors(['a', 'b'].map((n) => [n, { shape: [2, 3], data: new Float32Array(6) }])));
  const edit = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.nat(good.length), (edits, cut) => {
      const bytes = good.slice(0, good.length - (cut % 3 === 0 ? cut : 0));
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      try {
        for (const { shape, data } of readSafetensors(bytes, 'x').values()) {
          assert.equal(
            data.length,
            shape.reduce((size, n) => size * n, 1),
          );
        }
      } catch (error) {
        assert.match((error as Error).message, /^x: [^\n]*\.$/);
      }
    }),
    { numRuns: 500 },
  );
});

void t.test('the writer refuses what no reader would accept', async (t) => {
  const a: [string, HostTensor] = ['a', { shape: [2], data: new Float32Array(2) }];
  t.throws(() => writeSafetensors([a, a]), /"a" is reserved or comes twice/);
  t.throws(() => writeSafetensors([['__metadata__', a[1]]]), /reserved/);
  t.throws(() => writeSafetensors([['a', { shape: [3], data: new Float32Array(2) }]]), /shape \[3\] but 2 elements/);
});

void t.test('duplicate keys are found in any object, and only there', async (t) => {
  t.equal(duplicateKey('{"a":{"x":1},"b":{"x":1},"c":["a","a",{"x" : 2}]}'), undefined);
  t.equal(duplicateKey('{"a" :1,"b\\"":{"k":[{}],"k"\n:2}}'), 'k');
  t.equal(duplicateKey('{"\\\\":1,"\\u005c":2}'), '\\');
  fc.assert(
    fc.property(fc.json(), (json) => {
      assert.equal(duplicateKey(json), undefined);
      assert.equal(duplicateKey(`{"d":${json},"e":[{}],"d":${json}}`), 'd');
    }),
    { numRuns: 50 },
  );
});

for (const folder of ['tiny', 'odd']) {
  const path = `${process.cwd()}/../shared/golden/${folder}`;
  void t.test(`golden/${folder}`, { skip: existsSync(path) ? false : 'no ../shared/golden here' }, async (t) => {
    const config = JSON.parse(readFileSync(`${path}/config.json`, 'utf8')) as Record<string, number>;
    const weights = new SafetensorsFile(readFileSync(`${path}/weights.safetensors`), 'weights.safetensors');
    const words = weights.float32('bert.embeddings.word_embeddings.weight');
    t.strictSame(words.shape, [config.vocab_size, config.hidden_size]);
    const expected = readSafetensors(readFileSync(`${path}/expected.safetensors`), 'expected.safetensors');
    for (const [n, { shape }] of weights.tensors) t.strictSame(expected.get(`enhanced.grad.${n}`)?.shape, shape, n);
    t.ok([...expected.values()].every(({ data }) => [...data].every((x) => Number.isFinite(Number(x)))));
  });
}

void t.test('a tensor of a type that is not known is refused when it is read, and not before', async (t) => {
  for (const dtype of ['F8_E4M3', 'U64', 'C64', 'toString']) {
    const bytes = withHeader({ w: entry('F32', [1], 0, 4), x: entry(dtype, [3], 4, 28) }, 28);
    const file = new SafetensorsFile(bytes, 'f.safetensors');
    t.same([...file.tensors.keys()], ['w', 'x']);
    t.same(file.read('w').shape, [1]);
    for (const read of [() => file.read('x'), () => file.float32('x')])
      t.throws(
        read,
        new RegExp(`^f\\.safetensors: tensor "x": dtype "${dtype}" is not known here, expected one of F64`),
      );
  }
});
