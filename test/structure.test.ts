// The house's rules as a test: who imports whom, what stays out of where, `any`, and the length of files.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import ts from 'typescript';

/** What each folder may import besides itself. Tests may import anything. */
const arrows: Record<string, readonly string[]> = {
  kernels: [],
  core: ['kernels'],
  nn: ['kernels', 'core'],
  data: [],
  retromae: ['kernels', 'core', 'nn', 'data'],
  hub: ['core', 'nn', 'data', 'retromae'],
  train: ['kernels', 'core', 'nn', 'data', 'retromae', 'hub'],
  retrieval: ['kernels', 'core', 'nn', 'data'],
  cli: ['kernels', 'core', 'nn', 'data', 'retromae', 'hub', 'train', 'retrieval'],
};

/** Folders that know neither files nor the DOM. */
const pure = ['kernels', 'core', 'nn'];

/** Longest files, in lines. A register-blocked matrix product in assembly takes as many as it takes. */
const longest = { 'kernels/wasm/assembly/': 420, 'test/': 400, '': 350 };

interface Import {
  readonly name: string;
  readonly lazy: boolean;
  /** Whether it is of types only, which leaves no trace in the program. */
  readonly types: boolean;
}

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

const folders = [...Object.keys(arrows), 'test'];

const sources: readonly Source[] = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
      return { path, folder, text, tree, imports: importsOf(tree) };
    }),
);

function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodesOf(child);
}

function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(tree)) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const types = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly;
      if (node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
        found.push({ name: node.moduleSpecifier.text, lazy: false, types });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments;
      if (ts.isStringLiteral(name)) found.push({ name: name.text, lazy: true, types: false });
    }
  }
  return found;
}

/** Lines of the form `path: what`, for each file of the folders and each of its imports that is wrong. */
const wrong = (
  within: readonly string[],
  what: (item: Import, source: Source) => string | false | undefined,
): string[] =>
  sources
    .filter(({ folder }) => within.includes(folder))
    .flatMap((source) =>
      source.imports.flatMap((item) => {
        const complaint = what(item, source);
        return complaint ? `${source.path}: ${complaint}` : [];
      }),
    );

void t.test('the files are read', async (t) => {
  t.ok(sources.length > 100 && sources.some(({ imports }) => imports.some(({ lazy }) => lazy)));
  const types = sources.find(({ path }) => path === 'core/device.ts')!;
  t.same(types.imports, [{ name: '../kernels/index.js', lazy: false, types: true }]);
});

void t.test('imports go along the arrows', async (t) => {
  const complaints = wrong(Object.keys(arrows), ({ name }, { path, folder }) => {
    if (!name.startsWith('.')) return false;
    const [target] = join(dirname(path), name).split('/');
    // No sources: the compiled kernels, and the version in package.json.
    if (folder === 'kernels' && /\/dist\/wasm\/kernels(-relaxed)?\.wasm$/.test(name)) return false;
    if (folder === 'cli' && name === '../package.json') return false;
    return target !== folder && !arrows[folder].includes(target) && `imports ${name}`;
  });
  t.same(complaints, []);
});

void t.test('relative imports name the file', async (t) => {
  // AssemblyScript wants no extension.
  const complaints = wrong(
    folders,
    ({ name }, { path }) =>
      name.startsWith('.') &&
      !/\.(js|json|wasm)$/.test(name) &&
      !path.startsWith('kernels/wasm/assembly/') &&
      `imports ${name}`,
  );
  t.same(complaints, []);
});

void t.test('kernels, core and nn know no files and no DOM', async (t) => {
  const complaints = wrong(pure, ({ name, lazy, types }, { path }) => {
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
  const complaints = wrong(Object.keys(arrows), ({ name, lazy }, { path }) => {
    if (name !== 'gpu.js' && name !== 'webgpu') return false;
    return !(path.startsWith('kernels/gpu/') && (name === 'gpu.js' || lazy)) && `imports ${name}`;
  });
  t.same(complaints, []);
});

void t.test('mathjs is imported by function, and by the packages when asked for', async (t) => {
  const complaints = wrong(folders, ({ name, lazy }, { folder, text }) => {
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
