// Reading and writing the safetensors format on bytes, trusting nothing that a file says. After huggingface/safetensors.
import { halfValue } from './half.js';
import { duplicateKey } from './json-keys.js';
import { shownValue } from './shown-value.js';

export type TensorData = Float64Array | Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

/** One tensor in memory: `data` is row-major and holds exactly the product of `shape` elements. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor to be written: also halves, as their bits (`halfBits`). */
export interface WrittenTensor {
  readonly shape: readonly number[];
  readonly data: TensorData | Uint16Array;
}

/** Bytes to be read piece by piece, for files larger than one wants in memory. `read` returns exactly end - begin bytes. */
export interface ByteSource {
  readonly size: number;
  read(begin: number, end: number): Uint8Array;
}

/** Element widths in bytes of what can be read. */
const WIDTHS = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type DType = keyof typeof WIDTHS;

/** Where a tensor lies; offsets count from the start of the data section. */
export interface TensorInfo {
  /** One of those that can be read, or another: such a tensor may be there, and is refused when it is read. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The limit of the reference implementation; a header that claims more is damaged or hostile. */
const MAX_HEADER = 100_000_000;
const METADATA = '__metadata__';

/**
 * An opened file: the header is read and checked at once, tensors only when asked for, so that loading a model needs the
 * memory of its weights and of one tensor, whatever the size of the file.
 */
export class SafetensorsFile {
  /** The writer's string pairs, such as format: "pt". */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every tensor, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  private readonly dataStart: number;
  private readonly source: ByteSource;

  /**
   * @param input the file's bytes, or something that reads them
   * @param file the name that errors give it
   * @throws if the file is cut short, or its header is not well formed, not complete, or not true
   */
  constructor(
    input: Uint8Array | ByteSource,
    readonly file: string,
  ) {
    this.source = input instanceof Uint8Array ? wholeInMemory(input) : input;
    const { header, dataStart } = readHeader(this.source, file);
    this.dataStart = dataStart;
    this.metadata = checkMetadata(header.get(METADATA), file);
    header.delete(METADATA);
    const entries = [...header].map(([name, entry]) => [name, checkEntry(entry, where(file, name))] as const);
    this.tensors = new Map(inOrder(entries, this.source.size - dataStart, file));
  }

  /**
   * One tensor; F16 and BF16 come as Float32Array. Its data may be a view of the bytes that the file was opened on, so
   * copy before writing to it.
   * @throws if there is no tensor of that name, or it is of a type that is not known here
   */
  read(name: string): HostTensor {
    const info = this.tensors.get(name);
    if (!info) throw new Error(`${where(this.file, name)}: no such tensor; the file has ${preview(this.tensors)}.`);
    const { dtype } = info;
    if (!isKnown(dtype))
      throw new Error(
        `${where(this.file, name)}: dtype ${shownValue(dtype)} is not known here, expected one of ${Object.keys(WIDTHS).join(', ')}; convert the file.`,
      );
    const bytes = this.source.read(this.dataStart + info.begin, this.dataStart + info.end);
    if (bytes.length !== info.end - info.begin) {
      throw new Error(
        `${where(this.file, name)}: read ${bytes.length} of ${info.end - info.begin} bytes; the file changed while open, open it again.`,
      );
    }
    return { shape: info.shape, data: decode(dtype, bytes) };
  }

  /**
   * One tensor as float32, for weights: F32 as it is, F64, F16 and BF16 converted.
   * @throws if there is no tensor of that name, or it holds integers
   */
  float32(name: string): { shape: readonly number[]; data: Float32Array } {
    const { shape, data } = this.read(name);
    if (data instanceof Float32Array) return { shape, data };
    if (data instanceof Float64Array) return { shape, data: Float32Array.from(data) };
    throw new Error(
      `${where(this.file, name)}: is ${this.tensors.get(name)?.dtype}, expected floating point; is this a weight?`,
    );
  }
}

/** All tensors of a small file at once. @throws as SafetensorsFile */
export function readSafetensors(input: Uint8Array | ByteSource, file: string): Map<string, HostTensor> {
  const opened = new SafetensorsFile(input, file);
  return new Map([...opened.tensors.keys()].map((name) => [name, opened.read(name)]));
}

/**
 * The file as chunks to write one after another: the header, then a view of each tensor's memory, nothing copied. Wider
 * elements come first, otherwise the order is kept, so that every tensor is aligned. `format: "pt"` is always in the
 * metadata, since older loaders refuse a file without it.
 * @throws if a name comes twice or is reserved, or a shape and its data differ in size
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, WrittenTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries = [...tensors];
  entries.sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  for (const [name, { shape, data }] of entries)
    if (product(shape) !== data.length)
      throw new Error(
        `safetensors: "${name}" has shape [${shape.join(', ')}] but ${data.length} elements; pass its own data.`,
      );
  const head = safetensorsHeader(
    entries.map(([name, { shape, data }]) => [name, { shape, dtype: dtypeOf(data) }]),
    metadata,
  );
  return [head, ...entries.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
}

/**
 * What stands before the numbers of these tensors, which follow in this order: for files whose tensors are not all in
 * memory together.
 * @throws if a name comes twice or is reserved
 */
export function safetensorsHeader(
  tensors: Iterable<readonly [string, { readonly dtype: DType; readonly shape: readonly number[] }]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header = new Map<string, unknown>([[METADATA, { format: 'pt', ...metadata }]]);
  let end = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (header.has(name))
      throw new Error(`safetensors: "${name}" is reserved or comes twice; give every tensor its name.`);
    header.set(name, { dtype, shape, data_offsets: [end, (end += product(shape) * WIDTHS[dtype])] });
  }
  const json = new TextEncoder().encode(stringifyEntries(header));
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return head;
}

/** JSON by hand on the top level only: an object would move keys that look like numbers, and lose "__proto__". */
function stringifyEntries(header: Map<string, unknown>): string {
  return `{${[...header].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}

const where = (file: string, tensor: string): string => `${file}: tensor "${tensor}"`;
const broken = (file: string, fact: string): Error =>
  new Error(`${file}: not a safetensors file, or damaged: ${fact}; download or write it again.`);

function preview(tensors: ReadonlyMap<string, TensorInfo>): string {
  const names = [...tensors.keys()];
  return names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ') || 'none';
}

function wholeInMemory(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (begin, end) => bytes.subarray(begin, end) };
}

function readHeader(source: ByteSource, file: string): { header: Map<string, unknown>; dataStart: number } {
  if (source.size < 8) throw broken(file, `${source.size} bytes long, too short for the header's length`);
  const first = source.read(0, 8);
  const claimed = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(Math.min(MAX_HEADER, source.size - 8))) {
    throw broken(file, `the header says it is ${claimed} bytes long, the file has ${source.size - 8} after its length`);
  }
  const dataStart = 8 + Number(claimed);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source.read(8, dataStart));
    value = JSON.parse(text);
  } catch {
    throw broken(file, 'the header is not JSON in UTF-8');
  }
  if (!isObject(value)) throw broken(file, 'the header is not a JSON object');
  const repeated = duplicateKey(text);
  if (repeated !== undefined) throw broken(file, `the header has the key "${repeated}" twice`);
  return { header: new Map(Object.entries(value)), dataStart };
}

function checkMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || Object.values(value).some((v) => typeof v !== 'string')) {
    throw broken(file, `${METADATA} must be an object of strings`);
  }
  return value as Record<string, string>;
}

function checkEntry(value: unknown, at: string): TensorInfo {
  if (!isObject(value)) throw broken(at, 'its entry is not an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw broken(at, `dtype ${shownValue(dtype)} is not a text`);
  if (!isSizes(shape)) throw broken(at, `shape ${shownValue(shape)} is not a list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw broken(at, `data_offsets ${shownValue(offsets)} are not [begin, end]`);
  }
  const [begin, end] = offsets;
  // How wide the elements of another type are is not known; where they lie is checked all the same.
  const bytes = isKnown(dtype) ? product(shape) * WIDTHS[dtype] : end - begin;
  if (bytes !== end - begin) {
    throw broken(at, `${dtype} [${shape.join(', ')}] needs ${bytes} bytes but data_offsets give it ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

const isKnown = (dtype: string): dtype is DType => Object.hasOwn(WIDTHS, dtype);

type Entry = readonly [name: string, info: TensorInfo];

/** Sorts by place. The tensors must cover the data section from first byte to last, without holes or shared bytes. */
function inOrder(entries: readonly Entry[], size: number, file: string): Entry[] {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of sorted) {
    if (begin !== covered) {
      const fact = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw broken(where(file, name), `begins at byte ${begin}, which ${fact} (that one ends at ${covered})`);
    }
    if (end > size)
      throw broken(where(file, name), `ends at byte ${end} of a data section of ${size}: it is cut short`);
    covered = end;
  }
  if (covered !== size) throw broken(file, `${size - covered} bytes after the last tensor`);
  return sorted;
}

function decode(dtype: DType, bytes: Uint8Array): TensorData {
  // Typed arrays need an aligned start, and the format does not promise one: copy just this tensor where it is not.
  // (The constructor copies; slice() would not on a Node Buffer.)
  const aligned = bytes.byteOffset % WIDTHS[dtype] === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const length = aligned.length / WIDTHS[dtype];
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, length);
    case 'F32':
      return new Float32Array(buffer, byteOffset, length);
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length), halfValue);
    case 'BF16':
      return bfloatsToFloats(new Uint16Array(buffer, byteOffset, length));
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'I32':
      return new Int32Array(buffer, byteOffset, length);
    case 'I16':
      return new Int16Array(buffer, byteOffset, length);
    case 'I8':
      return new Int8Array(buffer, byteOffset, length);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/** A bfloat16 is the upper half of a float32. */
function bfloatsToFloats(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

function dtypeOf(data: WrittenTensor['data']): DType {
  if (data instanceof Uint16Array) return 'F16';
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof BigInt64Array) return 'I64';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof Int16Array) return 'I16';
  return data instanceof Int8Array ? 'I8' : 'U8';
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Above 2^53 the product rounds, but stays above every offset that a file can have. */
const product = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);
