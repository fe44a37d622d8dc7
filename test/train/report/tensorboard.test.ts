// Event files, decoded again by a reader that shares nothing with the writer.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { crc32c, EventWriter } from '../../../train/report/tensorboard.js';
import { syntheticProbes, syntheticSteps } from './synthetic.js';

/** By the definition: division of polynomials, bit by bit, the highest first. */
function crcByDefinition(bytes: Uint8Array): number {
  const reversed = (value: number, bits: number): number =>
    parseInt(value.toString(2).padStart(bits, '0').split('').reverse().join(''), 2);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ (reversed(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80000000 ? (crc << 1) ^ 0x1edc6f41 : crc << 1) >>> 0;
  }
  return reversed((crc ^ 0xffffffff) >>> 0, 32);
}

type Field = bigint | Buffer;

/** The fields of a message by number; several of a number in order. */
function message(bytes: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    let value: Field;
    if (wire === 0) value = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
      value = bytes.subarray(at, (at += length));
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

interface Event {
  time: number;
  step: number;
  version?: string;
  status?: number;
  values: Record<string, number>;
}

async function events(path: string): Promise<Event[]> {
  const bytes = await readFile(path);
  const mask = (crc: number): number =>
    Number((((BigInt(crc) >> 15n) | (BigInt(crc) << 17n)) + 0xa282ead8n) & 0xffffffffn);
  const found: Event[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    t.equal(bytes.readUInt32LE(at + 8), mask(crcByDefinition(bytes.subarray(at, at + 8))), 'crc of the length');
    t.equal(bytes.readUInt32LE(at + 12 + length), mask(crcByDefinition(data)), 'crc of the data');
    at += 16 + length;
    const event = message(data);
    const inner = (number: number): Map<number, Field[]> =>
      message((event.get(number)?.[0] as Buffer) ?? Buffer.alloc(0));
    const values = (inner(5).get(1) ?? []).map((value) => {
      const fields = message(value as Buffer);
      return [String(fields.get(1)?.[0]), (fields.get(2)?.[0] as Buffer).readFloatLE()] as const;
    });
    found.push({
      time: (event.get(1)?.[0] as Buffer).readDoubleLE(),
      step: Number(event.get(2)?.[0] ?? 0n),
      version: event.get(3)?.[0].toString(),
      status: event.has(7) ? Number(inner(7).get(1)?.[0]) : undefined,
      values: Object.fromEntries(values),
    });
  }
  return found;
}

void t.test('CRC-32C', (t) => {
  // RFC 3720, appendix B.4, and the check value of the catalogues.
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  t.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  t.equal(crc32c(new Uint8Array(0)), 0);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => crc32c(bytes) === crcByDefinition(bytes)));
  t.end();
});

void t.test('a run as TensorBoard reads it', async (t) => {
  const dir = join(t.testdir({}), 'events');
  const [record] = syntheticSteps({ steps: 1 });
  const [, probe] = syntheticProbes({ steps: 10, every: 10 });
  const before = Date.now() / 1000;
  const writer = await EventWriter.open(dir);
  writer.step(record);
  writer.probe(probe);
  writer.scalar('ünï/code', -1e-30, 2 ** 40 + 5);
  writer.scalar('diverged', NaN, 0);
  writer.close();

  t.same(await readdir(dir), [writer.path.slice(dir.length + 1)]);
  t.match(writer.path, /events\.out\.tfevents\.\d{10}\.[\w.-]+$/);
  const read = await events(writer.path);
  t.equal(read.length, 5);
  t.match(read[0], { step: 0, version: 'brain.Event:2', values: {} });
  const f = Math.fround;
  t.same(read[1].values, {
    'loss/total': f(record.loss),
    'loss/encoder': f(record.encoder!),
    'loss/decoder': f(record.decoder ?? NaN),
    'accuracy/encoder': f(record.accuracy!),
    'accuracy/decoder': f(record.decoderAccuracy ?? NaN),
    gradient_norm: f(record.gradientNorm),
    lr: f(record.lr),
    tokens_per_second: f(record.tokensPerSecond),
    data_wait: f(record.dataSeconds! / record.seconds),
  });
  t.equal(read[1].step, 1);
  t.same(read[2].values, {
    'probe/ndcg@10': f(probe['ndcg@10']),
    'probe/mrr@10': f(probe['mrr@10']),
    'probe/recall@100': f(probe['recall@100']),
  });
  t.equal(read[2].step, 10);
  t.match(read[3], { step: 2 ** 40 + 5, values: { 'ünï/code': f(-1e-30) } });
  t.ok(Number.isNaN(read[4].values.diverged));
  for (const { time } of read) t.ok(time >= before && time <= Date.now() / 1000);
});

void t.test('a run that goes on has a file of its own and disowns later steps', async (t) => {
  const dir = t.testdir({});
  const paths: string[] = [];
  for (const resumeAt of [undefined, 500, 0]) {
    const writer = await EventWriter.open(dir, { resumeAt });
    writer.close();
    paths.push(writer.path);
  }
  t.equal(new Set(paths).size, 3);
  t.equal((await events(paths[0])).length, 1);
  t.match((await events(paths[1]))[1], { status: 1, step: 501 });
  t.match((await events(paths[2]))[1], { status: 1, step: 0 });
});

void t.test('a folder that cannot be made is named', async (t) => {
  const dir = t.testdir({ file: '' });
  await t.rejects(EventWriter.open(join(dir, 'file')), { message: /tfevents.*cannot be written/ });
});
