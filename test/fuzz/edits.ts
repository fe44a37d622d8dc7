// What is done to valid files and arguments to break them, as data: drawn and shrunk by fast-check, replayed from JSON.
import fc from 'fast-check';
import { parseTree, placesIn, printTree, type Tree } from './json-tree.js';

/** Content by path; what is not there is missing, null is a folder in a file's place. */
export type Files = Map<string, Uint8Array | null>;

/** Places are fractions of what is there, in 65536ths, so that an edit fits every file. */
type At = number;

export type Edit =
  | { do: 'flip'; at: At; bit: number }
  | { do: 'set' | 'insert'; at: At; bytes: number[] }
  | { do: 'cut' | 'zero' | 'double'; at: At; length: At }
  | { do: 'end'; at: At }
  | { do: 'splice'; at: At; other: At; from: At }
  | { do: 'lines'; how: (typeof LINES)[number]; at: At; other: At }
  | { do: 'text'; at: At; text: string }
  | { do: 'encode'; how: (typeof ENCODINGS)[number] }
  | { do: 'value' | 'item'; at: At; raw: string }
  | { do: 'delete' | 'twice' | 'swap'; at: At; other: At }
  | { do: 'key'; at: At; key: string }
  | { do: 'number'; at: At; by: number }
  | { do: 'file'; how: (typeof FILES)[number]; other: At };

/** An edit, and which of the files it is done to. */
export type FileEdit = Edit & { file: At };

const LINES = ['drop', 'double', 'swap', 'join', 'blank'] as const;
const ENCODINGS = ['bom', 'crlf', 'cr', 'utf16le', 'utf16be', 'utf16-bare', 'latin1', 'upper', 'nul'] as const;
const FILES = ['missing', 'folder', 'empty', 'other'] as const;

const whole = 65536;
export const index = (at: At, length: number): number => Math.floor((at * length) / whole);
const at = fc.nat(whole - 1);
/** Mostly small, so that files stay mostly whole. */
const length = fc.oneof(fc.nat(200), at);

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);

/** Values that stand where another belongs: every type, numbers beyond every range, what is no JSON. */
const hostile = [
  ...['null', 'true', 'false', '[]', '{}', '""', '" "', '"text"', '[[]]', '[{}]', '[null]', '{"a":{"b":[]}}'],
  ...['0', '-0', '-1', '1', '2', '3', '1.5', '0.1', '1e-9', '255', '65536', '2147483647', '2147483648', '4294967296'],
  ...[
    '9007199254740991',
    '9007199254740993',
    '18446744073709551616',
    '1e21',
    '1e308',
    '1e999',
    '-1e999',
    '-2147483649',
  ],
  ...['NaN', 'Infinity', '-Infinity', 'undefined', '0x10', '01', "'text'", '', '{', ']', '//', '"', '1n'],
  ...[
    '"0"',
    '"-1"',
    '"1e3"',
    '"true"',
    '"null"',
    '"../nowhere"',
    '"/nowhere"',
    '"."',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\n"',
    '"é"',
  ],
  ...['"__proto__"', '"constructor"', '"toString"', '"length"', '{"__proto__":{"x":1}}', '{"constructor":{"x":1}}'],
  ...['{"__proto__":null}', '{"toString":1}', '{"length":3}', '[0,1]', '[1,1]', '["a","a"]', '[1e999]', '[-1]'],
  JSON.stringify('long'.repeat(20_000)),
  nested(40, '[', ']'),
  nested(40_000, '[', ']'),
  nested(2_000, '{"a":', '}').replace(':}', ':0}'),
];

const raw = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double()).map(String) },
);
const keys = fc.oneof(
  fc.constantFrom('', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', 'id', '_id', 'text', 'type'),
  fc.string({ unit: 'binary' }),
);

const words = fc.oneof(
  fc.constantFrom(
    ...[
      '\t',
      '\n',
      '\n\n',
      '\r',
      ' ',
      '\0',
      '\uFEFF',
      '\u2028',
      ',',
      '"',
      '""',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ':',
      '1.0',
      '-1',
    ],
    ...[
      '0.5',
      'é',
      '𠮷',
      'ΛΟΓΟΣ',
      '\u0301',
      '[UNK]',
      '[MASK]',
      '##',
      'q0',
      'd0',
      '#',
      '1e999',
      'NaN',
      'Q0',
      '\u200d',
      '한',
    ],
  ),
  fc.string({ unit: 'binary' }),
);

const bytes = fc.array(fc.nat(255), { minLength: 1, maxLength: 9 });
const byteEdits: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ do: fc.constant('flip' as const), at, bit: fc.nat(7) }),
  fc.record({ do: fc.constantFrom('set' as const, 'insert' as const), at, bytes }),
  fc.record({ do: fc.constantFrom('cut' as const, 'zero' as const, 'double' as const), at, length }),
  fc.record({ do: fc.constant('end' as const), at }),
  fc.record({ do: fc.constant('splice' as const), at, other: at, from: at }),
);
const textEdits: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ do: fc.constant('lines' as const), how: fc.constantFrom(...LINES), at, other: at }),
  fc.record({ do: fc.constant('text' as const), at, text: words }),
  fc.record({ do: fc.constant('encode' as const), how: fc.constantFrom(...ENCODINGS) }),
);
const treeEdits: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('value' as const, 'item' as const), at, raw }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'twice' as const, 'swap' as const), at, other: at }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('key' as const), at, key: keys }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('number' as const), at, by: fc.constantFrom(-2, -1, 1, 2, 0.5, 1e3, 1e9) }),
  },
);
const fileEdits: fc.Arbitrary<Edit> = fc.record({
  do: fc.constant('file' as const),
  how: fc.constantFrom(...FILES),
  other: at,
});

const fileEdit: fc.Arbitrary<FileEdit> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: treeEdits },
      { weight: 5, arbitrary: byteEdits },
      { weight: 4, arbitrary: textEdits },
      { weight: 1, arbitrary: fileEdits },
    ),
    at,
  )
  .map(([edit, file]) => ({ ...edit, file }));

/** Does an edit to one of the files at `paths`. Returns the path that changed. */
export function editFile(files: Files, paths: readonly string[], edit: FileEdit): string {
  const path = paths[index(edit.file, paths.length)];
  const content = files.get(path);
  const other = (at: At): Uint8Array => files.get(paths[index(at, paths.length)]) ?? new Uint8Array();
  if (edit.do === 'file') {
    if (edit.how === 'missing') files.delete(path);
    else files.set(path, { folder: null, empty: new Uint8Array(), other: other(edit.other) }[edit.how]);
  } else if (content) files.set(path, edited(path, content, edit, other));
  return path;
}

function edited(path: string, content: Uint8Array, edit: Exclude<Edit, { do: 'file' }>, other: (at: At) => Uint8Array) {
  const begin = 'at' in edit ? index(edit.at, content.length) : 0;
  switch (edit.do) {
    case 'flip': {
      const copy = new Uint8Array(content);
      copy[begin] ^= 1 << edit.bit;
      return copy;
    }
    case 'set':
    case 'insert':
      return replaced(content, begin, edit.do === 'set' ? edit.bytes.length : 0, Uint8Array.from(edit.bytes));
    case 'cut':
      return replaced(content, begin, edit.length);
    case 'zero':
      return new Uint8Array(content).fill(0, begin, begin + edit.length);
    case 'double':
      return replaced(content, begin, 0, content.subarray(begin, begin + edit.length));
    case 'end':
      return content.subarray(0, begin);
    case 'splice': {
      const donor = other(edit.other);
      return Buffer.concat([content.subarray(0, begin), donor.subarray(index(edit.from, donor.length))]);
    }
    case 'lines':
      return linesEdited(content, edit);
    case 'text':
      return replaced(content, begin, 0, Buffer.from(edit.text));
    case 'encode':
      return encoded(content, edit.how);
    default:
      return treeEdited(path, content, edit);
  }
}

const replaced = (content: Uint8Array, begin: number, length: number, by: Uint8Array = new Uint8Array()): Uint8Array =>
  Buffer.concat([content.subarray(0, begin), by, content.subarray(begin + length)]);

function linesEdited(content: Uint8Array, { how, at, other }: Extract<Edit, { do: 'lines' }>): Uint8Array {
  const lines = Buffer.from(content).toString('latin1').split('\n');
  const [i, k] = [index(at, lines.length), index(other, lines.length)];
  if (how === 'swap') [lines[i], lines[k]] = [lines[k], lines[i]];
  else {
    const [line] = lines;
    const kept = { drop: [], double: [lines[i], lines[i]], join: [line + lines[i]], blank: ['', '  ', lines[i]] }[how];
    lines.splice(i, 1, ...kept);
  }
  return Buffer.from(lines.join('\n'), 'latin1');
}

function encoded(content: Uint8Array, how: (typeof ENCODINGS)[number]): Uint8Array {
  const text = Buffer.from(content).toString('utf8');
  const wide = (mark: string) => Buffer.from(mark + text, 'utf16le');
  switch (how) {
    case 'bom':
      return Buffer.from('\uFEFF' + text);
    case 'crlf':
      return Buffer.from(text.replaceAll('\n', '\r\n'));
    case 'cr':
      return Buffer.from(text.replaceAll('\n', '\r'));
    case 'utf16le':
      return wide('\uFEFF');
    case 'utf16be':
      return wide('\uFEFF').swap16();
    case 'utf16-bare':
      return wide('');
    case 'latin1':
      return Buffer.from(`é${text}é`, 'latin1');
    case 'upper':
      return Buffer.from(text.toUpperCase());
    case 'nul':
      return Buffer.from(text.replaceAll(' ', '\0'));
  }
}

/** Larger trees are left alone: they are made by edits, and edited bytewise. */
const LARGEST_TREE = 1 << 16;

/**
 * An edit of the JSON that a file is or holds: the header of a safetensors file, one line of JSON lines. What holds none
 * gets the edit's value as text.
 */
function treeEdited(path: string, content: Uint8Array, edit: Extract<Edit, { at: At }>): Uint8Array {
  const frame = jsonWithin(path, content, edit.at);
  const text = Buffer.from(frame.json).toString('utf8');
  let tree: Tree;
  try {
    if (text.length > LARGEST_TREE) throw new SyntaxError('too large');
    tree = parseTree(text);
  } catch {
    return replaced(content, index(edit.at, content.length), 1, Buffer.from('raw' in edit ? edit.raw : '"'));
  }
  // A list around it makes the root a place as well.
  const root = { items: [tree] };
  const places = placesIn(root);
  const place = places[index(edit.at, places.length)];
  if (edit.do === 'value') place.put({ raw: edit.raw });
  else if (edit.do === 'item') place.put(place.tree, { raw: edit.raw });
  else if (edit.do === 'delete') place.put();
  else if (edit.do === 'twice') place.put(place.tree, place.tree);
  else if (edit.do === 'swap') place.put({ raw: printTree(places[index(edit.other, places.length)].tree) });
  else if (edit.do === 'key') place.rename(edit.key);
  else if (edit.do === 'number') place.put({ raw: String(Number(printTree(place.tree)) * edit.by) });
  return frame.put(Buffer.from(root.items.map(printTree).join(',')));
}

interface Frame {
  json: Uint8Array;
  put(json: Uint8Array): Uint8Array;
}

function jsonWithin(path: string, content: Uint8Array, at: At): Frame {
  if (/safetensors$|\.idx$/.test(path) && content.length >= 8) {
    const end = 8 + Math.min(content.length - 8, Buffer.from(content).readUInt32LE(0));
    const put = (json: Uint8Array) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(json.length);
      return Buffer.concat([head, json, content.subarray(end)]);
    };
    return { json: content.subarray(8, end), put };
  }
  if (path.endsWith('jsonl')) {
    const lines = Buffer.from(content).toString('utf8').split('\n');
    const i = index(at, lines.length);
    return {
      json: Buffer.from(lines[i]),
      put: (json) => Buffer.from(lines.with(i, Buffer.from(json).toString()).join('\n')),
    };
  }
  return { json: content, put: (json) => json };
}

/** Values of flags that stand where another belongs. None of them makes a valid run long. */
const flagValues = [
  ...['', ' ', '-1', '0', '1', '2', '3', '1.5', '1e999', '-1e999', 'NaN', 'null', 'é', 'auto', '__proto__', '--', '-'],
  ...[
    '--help',
    '--json',
    '--no-json',
    '--top',
    '--split',
    '--field',
    '--constructor',
    '-h',
    '--lr',
    '--seq',
    '--=',
    '=1',
  ],
  'long'.repeat(2000),
];

/** What is done to a word of the arguments. */
export type ArgEdit = { do: 'put' | 'insert' | 'inline'; at: At; word: string } | { do: 'drop' | 'double'; at: At };

const word = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...flagValues) },
  // No path out of the folder of the case.
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => text.replace(/^[/~]+|\.\./g, '')) },
);
const argEdit: fc.Arbitrary<ArgEdit> = fc.oneof(
  fc.record({ do: fc.constantFrom('put' as const, 'insert' as const, 'inline' as const), at, word }),
  fc.record({ do: fc.constantFrom('drop' as const, 'double' as const), at }),
);

/** A broken case: which of those that there are, and what is done to it. */
export interface Input {
  case: At;
  edits: FileEdit[];
  args: ArgEdit[];
}

const fileInputs: fc.Arbitrary<Input> = fc.record({
  case: at,
  edits: fc.array(fileEdit, { minLength: 1, maxLength: 4 }),
  args: fc.constant([]),
});
const argInputs: fc.Arbitrary<Input> = fc.record({
  case: at,
  edits: fc.array(fileEdit, { maxLength: 1 }),
  args: fc.array(argEdit, { minLength: 1, maxLength: 2 }),
});

/** Inputs of a reader of files, or of a command: one in four of these has other arguments. */
export const inputs = (isCommand: boolean): fc.Arbitrary<Input> =>
  isCommand ? fc.oneof({ weight: 3, arbitrary: fileInputs }, { weight: 1, arbitrary: argInputs }) : fileInputs;

/** Does an edit to the words of a command line, of which the first, the command, stays. */
export function editArgs([command, ...args]: readonly string[], edit: ArgEdit): string[] {
  const i = index(edit.at, args.length);
  if (edit.do === 'put') args.splice(i, 1, edit.word);
  else if (edit.do === 'insert') args.splice(i, 0, edit.word);
  else if (edit.do === 'inline') args.splice(i, 1, `${args[i] ?? ''}=${edit.word}`);
  else args.splice(i, 1, ...(edit.do === 'double' ? [args[i], args[i]] : []));
  return [command, ...args];
}
