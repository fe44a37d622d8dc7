// Builds everything that users import: `node build.js` (with --tests, the tests as well, and no declarations).
//   1. kernels/wasm/assembly/*.ts  -> dist/wasm/kernels.wasm, kernels-relaxed.wasm   (AssemblyScript)
//   2. the packages of `exports`   -> dist/node, dist/browser  (esbuild)
//   3. declarations                -> dist/types               (tsc)
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const tests = process.argv.includes('--tests');
const require = createRequire(import.meta.url);
const run = (script, ...args) => execFileSync(process.execPath, [script, ...args], { stdio: 'inherit' });

if (!tests || !existsSync('dist/wasm/kernels-relaxed.wasm')) {
  for (const part of ['node', 'browser', 'types', 'chunks', 'tools', 'test', 'wasm'])
    rmSync(`dist/${part}`, { recursive: true, force: true });
  const compile = ['kernels/wasm/assembly/index.ts', '--config', 'kernels/wasm/assembly/asconfig.json'];
  run(require.resolve('assemblyscript/bin/asc.js'), ...compile);
  const relaxed = ['--enable', 'relaxed-simd', '--outFile', 'dist/wasm/kernels-relaxed.wasm'];
  run(require.resolve('assemblyscript/bin/asc.js'), ...compile, ...relaxed);
}

/** The packages by the name of their room; where some of one needs files, the browser gets what does not: `pure.ts`. */
const rooms = ['core', 'nn', 'kernels', 'retromae', 'hub', 'train', 'retrieval', 'data'];
const packages = { index: 'index.ts', ...Object.fromEntries(rooms.map((room) => [room, `${room}/index.ts`])) };
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
const node = {
  ...common,
  platform: 'node',
  packages: 'external',
  chunkNames: chunk,
};
await build({
  ...node,
  outdir: 'dist',
  entryPoints: Object.fromEntries([
    ...Object.entries({ ...packages, cli: 'cli/main.ts', 'batch-worker': 'train/batch-worker.ts' }).map(
      ([out, file]) => [`node/${out}`, file],
    ),
    ['tools/golden', 'test/golden/main.ts'],
    ['tools/bench', 'bench/main.ts'],
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
if (!tests) run(require.resolve('typescript/lib/tsc.js'), '-p', 'tsconfig.json');
