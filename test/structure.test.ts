// The house's rules as a test: who imports whom, what stays out of where, `any`, and the length of files.
import t from 'tap';
import ts from 'typescript';
import { againstArrows, circles, needsNode, pastIndex, wrong } from './structure/rules.js';
import { arrows, nodesOf, sourceOf, sourcesIn, type Source } from './structure/source.js';

/** Rooms that know neither files nor the DOM. */
const pure = ['kernels', 'core', 'nn', 'retromae'];

/** Longest files, in lines. A register-blocked matrix product in assembly takes as many as it takes. */
const longest = { 'kernels/wasm/assembly/': 420, 'test/': 400, '': 350 };

const sources = sourcesIn([...Object.keys(arrows), 'test']);

void t.test('the files are read', async (t) => {
  t.ok(sources.length > 100 && sources.some(({ imports }) => imports.some(({ lazy }) => lazy)));
  const types = sources.find(({ path }) => path === 'core/device.ts')!;
  t.same(types.imports, [{ name: '../kernels/index.js', lazy: false, types: true }]);
});

const inHouse = sources.filter(({ folder }) => folder in arrows);
const inPure = sources.filter(({ folder }) => pure.includes(folder));

/** The house with one more file: every rule is shown to fail. */
const withFile = (path: string, text: string): Source[] => [...inHouse, sourceOf(path, text)];

void t.test('imports go along the arrows', async (t) => {
  t.same(againstArrows(inHouse), []);
  const tries: [string, string][] = [
    ['retromae/try.ts', '../train/index.js'],
    ['retromae/objectives/try.ts', '../../hub/index.js'],
    ['hub/try.ts', '../retromae/index.js'],
    ['retrieval/try.ts', '../train/index.js'],
    ['train/try.ts', '../retrieval/index.js'],
    ['core/try.ts', '../nn/index.js'],
    ['kernels/gpu/try.ts', '../../core/index.js'],
  ];
  for (const [path, name] of tries)
    t.same(againstArrows(withFile(path, `import { x } from '${name}';`)), [`${path}: imports ${name}`]);
});

void t.test('imports of a room go through its index, or through what of it needs no files', async (t) => {
  t.same(pastIndex(inHouse), []);
  t.same(pastIndex(withFile('nn/try.ts', "import type { Rule } from '../core/tape.js';")), [
    'nn/try.ts: imports ../core/tape.js',
  ]);
});

/** Tensor's methods name ops, and ops make tensors: why that works is told in core/ops/index.ts. */
const CORE = ['core/tensor.ts', 'core/op.ts', 'core/ops/index.ts'];

void t.test('files load each other in no circle but that of ops', async (t) => {
  const [ops, ...others] = circles(inHouse);
  t.same(others, []);
  t.ok(CORE.every((path) => ops.includes(path)) && ops.every((path) => path.startsWith('core/')), ops.join());
  const circle = [
    ...withFile('data/one.ts', "import { two } from './two.js';"),
    sourceOf('data/two.ts', "import { one } from './one.js';"),
  ];
  t.same(circles(circle).slice(1), [['data/one.ts', 'data/two.ts']]);
});

void t.test('what a browser gets, and the objectives, need nothing of Node', async (t) => {
  const entries = inHouse.map(({ path }) => path).filter((path) => path.endsWith('/pure.ts'));
  t.same(entries.sort(), [
    'data/pure.ts',
    'finetune/pure.ts',
    'hub/pure.ts',
    'retrieval/pure.ts',
    'train/pure.ts',
    'train/report/pure.ts',
  ]);
  const all = [...entries, ...['kernels', 'core', 'nn', 'retromae'].map((room) => `${room}/index.ts`)];
  t.same(needsNode(inHouse, all), []);
  const spoilt = withFile('retromae/index.ts', "import { documents } from '../data/index.js';");
  t.ok(needsNode(spoilt, ['retromae/index.ts']).includes('data/read/source.ts: imports node:fs'));
});

void t.test('relative imports name the file', async (t) => {
  // AssemblyScript wants no extension.
  const complaints = wrong(
    sources,
    ({ name }, { path }) =>
      name.startsWith('.') &&
      !/\.(js|json|wasm)$/.test(name) &&
      !path.startsWith('kernels/wasm/assembly/') &&
      `imports ${name}`,
  );
  t.same(complaints, []);
});

void t.test('kernels, core, nn and the objectives know no files and no DOM', async (t) => {
  const complaints = wrong(inPure, ({ name, lazy, types }, { path }) => {
    if (!name.startsWith('node:') || types) return false;
    const threads = path === 'kernels/wasm/pool.ts' && ['node:worker_threads', 'node:os'].includes(name);
    const flag = path === 'kernels/wasm/relaxed.ts' && name === 'node:v8';
    return !((threads || flag) && lazy) && `imports ${name}`;
  });
  t.same(complaints, []);
  const dom = sources.filter(
    ({ folder, tree }) =>
      pure.includes(folder) &&
      [...nodesOf(tree)].some(
        (node) => ts.isIdentifier(node) && ['document', 'window', 'localStorage'].includes(node.text),
      ),
  );
  t.same(
    dom.map(({ path }) => path),
    [],
  );
});

void t.test('gpu.js is only in kernels/gpu, WebGPU for Node only there and when asked for', async (t) => {
  const complaints = wrong(inHouse, ({ name, lazy }, { path }) => {
    if (name !== 'gpu.js' && name !== 'webgpu') return false;
    return !(path.startsWith('kernels/gpu/') && (name === 'gpu.js' || lazy)) && `imports ${name}`;
  });
  t.same(complaints, []);
});

void t.test('mathjs is imported by function, and by the packages when asked for', async (t) => {
  const complaints = wrong(sources, ({ name, lazy }, { folder, text }) => {
    if (name !== 'mathjs') return false;
    if (/import \* as \w+ from 'mathjs'/.test(text)) return 'imports all of mathjs';
    return folder !== 'test' && !lazy && 'imports mathjs at once';
  });
  t.same(complaints, []);
});

void t.test('`any` says why', async (t) => {
  const complaints = sources.flatMap(({ path, tree, text }) => {
    const lines = text.split('\n');
    return [...nodesOf(tree)]
      .filter(({ kind }) => kind === ts.SyntaxKind.AnyKeyword)
      .map((node) => tree.getLineAndCharacterOfPosition(node.getStart()).line)
      .filter((line) => !lines.slice(Math.max(0, line - 3), line).some((above) => /\/\/ `any`: /.test(above)))
      .map((line) => `${path}:${line + 1}`);
  });
  t.same(complaints, []);
});

void t.test('files open with what they are, and are short', async (t) => {
  const complaints = sources.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1;
    const [, limit] = Object.entries(longest).find(([prefix]) => path.startsWith(prefix))!;
    return [
      ...(/^(#!.*\n)?\/\/ \S/.test(text) ? [] : [`${path}: does not open with a comment`]),
      ...(lines > limit ? [`${path}: ${lines} lines, ${limit} are enough`] : []),
    ];
  });
  t.same(complaints, []);
});
