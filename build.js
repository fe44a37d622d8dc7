// Builds everything that users import: `node build.js` (with --tests, the tests as well, and no declarations).
//   1. kernels/wasm/assembly/*.ts, and those of bench/lessons -> dist/wasm   (AssemblyScript; tests: if changed)
//   2. the packages of `exports`   -> dist/node, dist/browser  (esbuild)
//   3. declarations                -> dist/types               (tsc)
// Each step first removes what it made before, so that nothing old is shipped or tested.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const tests = process.argv.includes('--tests');
const require = createRequire(import.meta.url);
const run = (script, ...args) => execFileSync(process.execPath, [script, ...args], { stdio: 'inherit' });

const remove = (...parts) => parts.forEach((part) => rmSync(`dist/${part}`, { recursive: true, force: true }));

/** What is compiled to WebAssembly, without and with relaxed SIMD: the product's kernels, and those of the lessons. */
const modules = { kernels: 'kernels/wasm/assembly', lessons: 'bench/lessons/assembly' };
const lastModule = 'dist/wasm/lessons-relaxed.wasm';
const time = (file) => statSync(file).mtimeMs;
const isCompiled = () =>
  existsSync(lastModule) &&
  Object.values(modules).every((folder) =>
    readdirSync(folder).every((file) => time(`${folder}/${file}`) < time(lastModule)),
  );

if (!tests || !isCompiled()) {
  remove('wasm');
  for (const [name, folder] of Object.entries(modules)) {
    const compile = [`${folder}/index.ts`, '--config', `${folder}/asconfig.json`];
    run(require.resolve('assemblyscript/bin/asc.js'), ...compile);
    const relaxed = ['--enable', 'relaxed-simd', '--outFile', `dist/wasm/${name}-relaxed.wasm`];
    run(require.resolve('assemblyscript/bin/asc.js'), ...compile, ...relaxed);
  }
}

/** The packages by the name of their room; where some of one needs files, the browser gets what does not: `pure.ts`. */
const rooms = ['core', 'nn', 'kernels', 'retromae', 'hub', 'train', 'retrieval', 'data', 'finetune'];
const packages = { index: 'index.ts', ...Object.fromEntries(rooms.map((room) => [room, `${room}/index.ts`])) };
/** Programs of worker threads. */
const workers = { 'batch-worker': 'train/batch-worker.ts', 'finetune-worker': 'finetune/batch-worker.ts' };
const pure = ([name, file]) => {
  const alone = file.replace('index.ts', 'pure.ts');
  return [name, existsSync(alone) ? alone : file];
};
const testFiles = Object.fromEntries(
  readdirSync('test', { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => [`test/${file.slice(0, -3)}`, `test/${file}`]),
);

/** Kernels are read with toString(), so names stay as they are written: never minify, never keepNames. */
const common = {
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  logLevel: 'warning',
  loader: { '.wasm': 'binary' },
};
const chunk = 'chunks/[name]-[hash]';
remove('node', 'browser', 'chunks', 'tools', 'test');
/** Packages of dozens and hundreds of files, which Node would open one by one: they are put into ours. */
const bundled = ['@observablehq/plot', 'linkedom', 'csv-parse', 'hyparquet', 'hyparquet-compressors'];
const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const node = {
  ...common,
  platform: 'node',
  external: Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !bundled.includes(name)),
  chunkNames: chunk,
};
await build({
  ...node,
  outdir: 'dist',
  entryPoints: Object.fromEntries([
    ...Object.entries({ ...packages, cli: 'cli/main.ts', ...workers }).map(([out, file]) => [`node/${out}`, file]),
    ['tools/golden', 'test/golden/main.ts'],
    ['tools/fuzz', 'test/fuzz/main.ts'],
    ['tools/bench', 'bench/main.ts'],
    ['tools/docs', 'docs/make/docs-main.ts'],
    ['tools/site', 'docs/make/site-main.ts'],
    ...(tests ? Object.entries(testFiles) : []),
  ]),
});
const browser = await build({
  ...common,
  platform: 'browser',
  conditions: ['browser'],
  // What a host may offer is asked for when it is wanted, and nothing that only Node has is imported at once.
  external: ['webgpu', 'node:*', 'linkedom'],
  chunkNames: chunk,
  outdir: 'dist/browser',
  entryPoints: Object.fromEntries(Object.entries(packages).map(pure)),
  metafile: true,
});
for (const [file, { imports }] of Object.entries(browser.metafile.outputs))
  for (const { path, kind } of imports)
    if (path.startsWith('node:') && kind !== 'dynamic-import')
      throw new Error(`${file} imports ${path}, which no browser has. Keep it out of pure.ts.`);
if (!tests) {
  remove('types');
  run(require.resolve('typescript/lib/tsc.js'), '-p', 'tsconfig.json');
}
