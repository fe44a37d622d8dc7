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

const packages = { index: 'index.ts' };
for (const name of ['core', 'nn', 'kernels', 'retromae', 'hub', 'train', 'retrieval', 'data'])
  packages[name] = `${name}/index.ts`;
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
/** In the browser, whatever needs Node loads, and says so when it is used. */
const withoutNode = {
  name: 'without-node',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:|@stdlib\/datasets-sotu)/ }, ({ path }) => ({ path, namespace: 'without-node' }));
    onLoad({ filter: /.*/, namespace: 'without-node' }, ({ path }) => ({
      contents: `const missing = () => { throw new Error('${path} is not available in the browser') };
        module.exports = new Proxy(missing, { get: (_, name) => (name === '__esModule' ? false : missing) });`,
    }));
  },
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
if (!tests) {
  await build({
    ...common,
    platform: 'browser',
    conditions: ['browser'],
    external: ['webgpu'],
    plugins: [withoutNode],
    chunkNames: chunk,
    outdir: 'dist/browser',
    entryPoints: packages,
  });
  run(require.resolve('typescript/lib/tsc.js'), '-p', 'tsconfig.json');
}
