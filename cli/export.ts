// `retromae export`: a model folder for other tools, as ONNX or in another precision.
import { basename } from 'node:path';
import { setBackend } from '../core/index.js';
import { exportHeads, exportOnnx, exportSafetensors, precisions, type Exported } from '../hub/index.js';
import { openBackend } from '../kernels/index.js';
import { rules } from '../retromae/index.js';
import { claimFolder } from '../train/index.js';
import { required, say } from './common.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';

const formats = ['onnx', 'safetensors'] as const;
const dtypes = ['f32', 'f16', 'bf16'] as const;

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder: a BERT, a cross-encoder or a static encoder' },
  format: { type: 'string', choices: formats, preset: 'onnx', help: 'what to write' },
  precision: {
    type: 'string',
    choices: precisions,
    preset: 'f32',
    help: 'of ONNX: whole numbers, halves, or bytes (dynamic quantisation)',
  },
  head: {
    type: 'string',
    choices: exportHeads,
    help: 'of ONNX, beside the hidden states: logits of the MLM head, or DupMAE’s numbers and words',
  },
  dtype: { type: 'string', choices: dtypes, preset: 'f32', help: 'of safetensors: whole numbers, halves or bfloat16' },
  'shard-size': {
    type: 'number',
    rule: rules.positive,
    preset: 5,
    value: 'GB',
    help: 'of safetensors: most bytes of a file, in units of 10^9',
  },
  out: { type: 'string', value: 'DIR', help: 'folder to write, new or empty (onnx: default is DIR/onnx of the model)' },
  json: { type: 'boolean', help: 'print one JSON object: what was written' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Writes a model for other tools: ONNX for onnxruntime and transformers.js, or safetensors in half the bytes.

Usage: retromae export --model DIR [--precision f32|f16|int8] [--head mlm|dupmae] [--out DIR]
       retromae export --model DIR --format safetensors --dtype f16|bf16 --out DIR`;

type Given = Values<typeof flags>;

export async function exportCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  refuseOthers(given);
  if (given.out !== undefined) {
    // Finds out before the model is read, and leaves nothing: the folder appears whole.
    const release = await claimFolder(given.out);
    await release();
  }
  // Nothing is computed: weights are read, and written in another order.
  const backend = await openBackend('reference', { dtype: 'float32' });
  const former = setBackend(backend);
  const made = await written(dir, given).finally(() => setBackend(former));
  made.notes.forEach(say);
  const files = [...made.files].map(([path, bytes]) => ({ path, bytes }));
  if (given.json) return void process.stdout.write(`${JSON.stringify({ ...made, files })}\n`);
  process.stdout.write(`${[`The ${made.kind}, in ${made.folder}:`, ...files.map(lineOf)].join('\n')}\n`);
  const use = given.format === 'safetensors' ? undefined : useOf(made, given.precision ?? 'f32');
  if (use) process.stdout.write(`\nIn JavaScript:\n\n${use}\n`);
}

const lineOf = ({ path, bytes }: { path: string; bytes: number }): string =>
  `  ${path}  ${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;

function written(dir: string, { format, precision, head, dtype = 'f32', out, ...more }: Given): Promise<Exported> {
  if (format !== 'safetensors')
    return exportOnnx(dir, {
      precision: precisions.find((name) => name === precision),
      head: exportHeads.find((name) => name === head),
      out,
    });
  const to = required(out, 'out', 'a new folder: weights are not replaced by coarser ones');
  const names = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
  const shardBytes = (more['shard-size'] ?? flags['shard-size'].preset) * 1e9;
  return exportSafetensors(dir, { dtype: names[dtype as keyof typeof names], shardBytes, out: to });
}

/** @throws UsageError for a flag of the other format */
function refuseOthers(given: Given): void {
  const format = given.format ?? 'onnx';
  const others = format === 'onnx' ? (['dtype', 'shard-size'] as const) : (['precision', 'head'] as const);
  const wrong = others.find((name) => given[name] !== undefined);
  if (wrong) throw new UsageError(`--${wrong} is not for --format ${format}. Leave it out.`);
}

const DTYPES = { f32: 'fp32', f16: 'fp16', int8: 'q8' } as const;

/** How transformers.js runs it; undefined where its pipelines have no word for what follows the hidden states. */
function useOf({ kind, folder, pooling, normalize }: Exported, precision: string): string | undefined {
  const [name, options] = [basename(folder), `{ dtype: '${DTYPES[precision as keyof typeof DTYPES]}' }`];
  const program = (imports: string, ...lines: string[]) =>
    [
      `import { env, ${imports} } from '@huggingface/transformers';`,
      `env.localModelPath = '..'; // the folder that holds ${name}`,
      'env.allowRemoteModels = false;',
      ...lines,
    ].join('\n');
  const opened = (type: string) => [
    `const tokenizer = await AutoTokenizer.from_pretrained('${name}');`,
    `const model = await ${type}.from_pretrained('${name}', ${options});`,
  ];
  switch (kind) {
    case 'cross-encoder':
      return program(
        'AutoTokenizer, AutoModelForSequenceClassification',
        ...opened('AutoModelForSequenceClassification'),
        "const { logits } = await model(tokenizer(['a query'], { text_pair: ['a passage'], padding: true }));",
      );
    case 'static encoder':
      return program(
        'AutoTokenizer, AutoModel, Tensor',
        ...opened('AutoModel'),
        "const { input_ids } = tokenizer('a query', { add_special_tokens: false });",
        "const { embeddings } = await model({ input_ids: input_ids.view(-1), offsets: new Tensor('int64', [0n], [1]) });",
      );
    case 'encoder':
      return (
        pooling &&
        program(
          'pipeline',
          `const extract = await pipeline('feature-extraction', '${name}', ${options});`,
          `const vectors = await extract(['a query', 'a passage'], { pooling: '${pooling}', normalize: ${normalize} });`,
        )
      );
  }
}
