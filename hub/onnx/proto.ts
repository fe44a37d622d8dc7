// Protobuf's wire format, as much of it as ONNX needs: fields one after another, as chunks that are never joined.

/** A whole number in groups of seven bits, the last first; a negative one as 64 bits. */
function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const [VARINT, BYTES, FIXED32] = [0, 2, 5];

/** A message that is being written. Large values are kept as views, so that a model needs its memory once. */
export class Message {
  private readonly parts: Uint8Array[] = [];
  /** Bytes so far. */
  size = 0;

  get chunks(): readonly Uint8Array[] {
    return this.parts;
  }

  int(field: number, value: number | bigint): this {
    return this.push(Uint8Array.from([...varint((field << 3) | VARINT), ...varint(value)]));
  }

  float(field: number, value: number): this {
    return this.push(Uint8Array.from(varint((field << 3) | FIXED32)), new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.push(Uint8Array.from([...varint((field << 3) | BYTES), ...varint(value.length)]), value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, { chunks, size }: Message): this {
    return this.push(Uint8Array.from([...varint((field << 3) | BYTES), ...varint(size)]), ...chunks);
  }

  private push(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.parts.push(chunk);
      this.size += chunk.length;
    }
    return this;
  }
}
