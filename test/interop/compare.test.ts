// Our ONNX graphs run by onnxruntime and by transformers.js, where these are installed (interop/README.md), to our own vectors.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import t from 'tap';

interface Row {
  readonly model: string;
  readonly precision: 'f32' | 'f16' | 'int8';
  readonly program: string;
  readonly difference: number;
  readonly cosineDistance?: number;
}

const installed = existsSync('interop/node_modules/onnxruntime-node');
const skip = installed
  ? false
  : 'onnxruntime-node and transformers.js are not installed: npm ci --ignore-scripts in interop/';

void t.test('200 texts through each program', { skip }, async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['interop/compare.js', '--json'], {
    maxBuffer: 1 << 24,
  });
  const rows = JSON.parse(stdout.trim().split('\n').at(-1)!) as Row[];
  t.ok(rows.length >= 31, `${rows.length} rows`);
  for (const { model, precision, program, difference, cosineDistance } of rows) {
    if (model.includes('too long')) continue;
    const name = `${model}, ${precision}, ${program}: ${difference}, ${cosineDistance}`;
    if (precision === 'f32') t.ok(difference < 1e-5, name);
    else if (precision === 'f16') t.ok(difference < 5e-3, name);
    else if (cosineDistance !== undefined) t.ok(cosineDistance < 2e-3, name);
    else t.ok(difference < 0.1, name);
  }
});
