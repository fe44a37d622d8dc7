// Protobuf's wire format read back, as much of it as a test needs.

export type Field = bigint | Uint8Array;

/** Values of each field of a message, in order: whole numbers, or the bytes of what has a length. */
export function fieldsOf(bytes: Uint8Array): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [field, wire] = [key >> 3, key & 7];
    let value: Field;
    if (wire === 0) value = varint();
    else {
      const length = wire === 5 ? 4 : Number(varint());
      value = bytes.subarray(at, (at += length));
    }
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  if (at !== bytes.length) throw new Error(`the message ends at ${at} of ${bytes.length}`);
  return fields;
}

export const textOf = (field: Field): string => new TextDecoder().decode(field as Uint8Array);
