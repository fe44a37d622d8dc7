// TensorBoard event files. After TensorFlow's record_writer (TFRecord framing) and event.proto, by hand.
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeError } from '../../data/index.js';
import { dataWait, type ProbeRecord, type StepRecord } from './records.js';
import type { Scalars } from '../../retromae/index.js';
import { scalarsIn } from './scalars.js';

/** Appends scalars to an event file of its own; a folder may hold several, which TensorBoard shows as one run. */
export class EventWriter {
  private constructor(
    readonly path: string,
    private readonly file: number,
    private readonly own?: Scalars,
  ) {}

  /**
   * Starts an event file in a folder, which is made if it is missing.
   * @throws if the file cannot be made
   */
  static async open(
    dir: string,
    {
      resumeAt,
      scalars,
    }: {
      /** The step that a run goes on from: TensorBoard drops what earlier files have of later ones; of all, if it is 0. */
      resumeAt?: number;
      /** What the numbers of the objective are, if it is not in the list. */
      scalars?: Scalars;
    } = {},
  ): Promise<EventWriter> {
    const host = hostname().replace(/[^\w.-]/g, '_');
    const path = join(dir, `events.out.tfevents.${Math.floor(Date.now() / 1000)}.${host}`);
    let writer: EventWriter;
    try {
      await mkdir(dir, { recursive: true });
      writer = new EventWriter(...openNew(path), scalars);
    } catch (error) {
      throw writeError(path, error);
    }
    writer.event(0, stringField(3, 'brain.Event:2'));
    if (resumeAt !== undefined) {
      const START = 1;
      writer.event(resumeAt === 0 ? 0 : resumeAt + 1, messageField(7, varintField(1, START)));
    }
    return writer;
  }

  /** Writes one value; `tag` is its path in TensorBoard: "loss/encoder". @throws if it cannot be written */
  scalar(tag: string, value: number, step: number): void {
    this.scalars({ [tag]: value }, step);
  }

  /** Writes the values of a step as one event; undefined ones are left out. */
  scalars(values: Readonly<Record<string, number | undefined>>, step: number): void {
    const summary: number[] = [];
    for (const [tag, value] of Object.entries(values)) {
      if (value !== undefined) summary.push(...messageField(1, [...stringField(1, tag), ...floatField(2, value)]));
    }
    this.event(step, messageField(5, summary));
  }

  step(record: StepRecord): void {
    const own = scalarsIn([record], this.own).map(({ name, tag }) => [tag, record[name]]);
    this.scalars(
      {
        'loss/total': record.loss,
        ...Object.fromEntries(own),
        gradient_norm: record.gradientNorm,
        lr: record.lr,
        tokens_per_second: record.tokensPerSecond,
        data_wait: dataWait([record]),
      },
      record.step,
    );
  }

  probe({ step, ...scores }: ProbeRecord): void {
    const { 'ndcg@10': ndcg, 'mrr@10': mrr, 'recall@100': recall } = scores;
    this.scalars({ 'probe/ndcg@10': ndcg, 'probe/mrr@10': mrr, 'probe/recall@100': recall }, step);
  }

  close(): void {
    closeSync(this.file);
  }

  /** Event {1 wall_time: double, 2 step: int64, then one of 3 file_version, 5 summary, 7 session_log}. */
  private event(step: number, what: readonly number[]): void {
    const bytes = framed(Uint8Array.from([...doubleField(1, Date.now() / 1000), ...varintField(2, step), ...what]));
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.file, bytes, written);
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}

/** A file of its own even if the name is taken: a run that goes on within the second. */
function openNew(path: string): [path: string, file: number] {
  for (let attempt = 0; ; attempt++) {
    const name = attempt === 0 ? path : `${path}.${attempt}`;
    try {
      return [name, openSync(name, 'wx')];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** TFRecord: u64 length, u32 masked crc of it, data, u32 masked crc of the data; all little-endian. */
function framed(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(record.subarray(0, 8))), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return record;
}

/** A crc that is stored beside what it covers is rotated and shifted, so that the crc of both stays a useful one. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32C (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Protocol buffers: a field is a key (number << 3 | wire type) and a payload. Wire types:
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Seven bits a byte, the lowest first; by division, as steps may go beyond 32 bits. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

const key = (field: number, wire: number): number[] => varint(field * 8 + wire);
const varintField = (field: number, value: number): number[] => [...key(field, VARINT), ...varint(value)];
const messageField = (field: number, bytes: readonly number[]): number[] => [
  ...key(field, BYTES),
  ...varint(bytes.length),
  ...bytes,
];
const stringField = (field: number, text: string): number[] => messageField(field, [...Buffer.from(text)]);

function floatField(field: number, value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [...key(field, FIXED32), ...bytes];
}

function doubleField(field: number, value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return [...key(field, FIXED64), ...bytes];
}
