// The likely encoding of text that is not UTF-8, by what characters its bytes give. After the habit of uchardet, in small.

export interface Guess {
  /** For people. */
  readonly label: string;
  /** For iconv. */
  readonly tool: string;
}

/** Encodings with more than a byte a character, each with the characters that only it gives, and how many there must be. */
const WIDE: readonly (readonly [encoding: string, label: string, typical: RegExp, share: number])[] = [
  ['euc-jp', 'EUC-JP (Japanese)', /[\u3041-\u30fe]/g, 0.2],
  ['shift_jis', 'Shift-JIS (Japanese)', /[\u3041-\u30fe]/g, 0.2],
  ['euc-kr', 'EUC-KR (Korean)', /[\uac00-\ud7a3]/g, 0.9],
  ['gb18030', 'GB18030 (Chinese)', /[\u3000-\u9fff\uff00-\uffee]/g, 0.9],
  ['big5', 'Big5 (Chinese)', /[\u3000-\u9fff\uff00-\uffee]/g, 0.9],
];

const ICONV: Readonly<Record<string, string>> = { 'euc-kr': 'CP949', shift_jis: 'CP932' };

/** @param bytes lines that are not UTF-8 */
export function guessEncoding(bytes: Uint8Array): Guess {
  const isHigh = (byte: number): boolean => byte > 127;
  const high = bytes.filter(isHigh).length;
  const alone = bytes.filter(
    (byte, i) => isHigh(byte) && !isHigh(bytes[i - 1] ?? 0) && !isHigh(bytes[i + 1] ?? 0),
  ).length;
  // Accents stand alone among letters; the characters of other scripts stand together.
  if (2 * alone < high || hasKana(bytes)) {
    for (const [encoding, label, typical, share] of WIDE) {
      const text = decoded(bytes, encoding);
      if (text !== undefined && matches(text, typical) >= share * matches(text, /[^\0-\x7f]/g))
        return { label, tool: ICONV[encoding] ?? encoding.toUpperCase() };
    }
    const [windows, koi] = ['windows-1251', 'koi8-r'].map((encoding) => matches(decoded(bytes, encoding)!, /[а-я]/g));
    // Either one read as the other has capitals for small letters.
    if (Math.max(windows, koi) > 0.6 * high)
      return koi > windows
        ? { label: 'KOI8-R (Cyrillic)', tool: 'KOI8-R' }
        : { label: 'Windows-1251 (Cyrillic)', tool: 'WINDOWS-1251' };
  }
  return { label: 'Windows-1252 or Latin-1', tool: 'WINDOWS-1252' };
}

/** Shift-JIS: the second byte of many characters is an ASCII letter, so that the first ones stand alone. */
const hasKana = (bytes: Uint8Array): boolean => matches(decoded(bytes, 'shift_jis') ?? '', /[\u3041-\u30fe]{3}/g) > 0;

function decoded(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const matches = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
