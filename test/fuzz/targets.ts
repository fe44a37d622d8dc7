// What is fed: every reader of files, and every command, each with valid cases to begin with.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../cli/commands.js';
import { documentText, documents, idExamples, loadBeir, loadTokenizer, trainingExamples } from '../../data/index.js';
import { configOf, loadCross, loadModel, loadStatic } from '../../hub/index.js';
import { SafetensorsFile } from '../../nn/index.js';
import { loadIndex } from '../../retrieval/index.js';
import { Checkpoints, readPlan, RunLog, TokenFile } from '../../train/index.js';
import type { Files } from './edits.js';
import { quietly, type Said } from './quietly.js';
import { byIds, corpora, examples, file, ONE_THREAD, pairs, sets, together, type Seeds } from './seeds.js';

/** A valid beginning: files, which of them are edited, and the arguments of a command. */
export interface Case {
  readonly files: Files;
  readonly edited?: RegExp;
  readonly args?: readonly string[];
}

export interface Target {
  readonly name: string;
  readonly cases: readonly Case[];
  /** The files are given in memory and need not be written. */
  readonly inMemory?: boolean;
  /** It is a command: its arguments are edited too, and it may write into the folder of the case. */
  readonly isCommand?: boolean;
  /**
   * Reads the files in `dir`. @throws what the product throws
   * @returns what was said on the way
   */
  run(input: { dir: string; files: Files; args: readonly string[] }): Promise<Said | void>;
  /** Complains of what was left behind where it was refused. */
  leftover?(dir: string, error: unknown): string | undefined;
}

/** All targets, with their share in 1000 inputs. */
const shares: Readonly<Record<string, number>> = {
  safetensors: 265,
  'config.json': 140,
  tokenizer: 190,
  corpus: 87,
  judgements: 100,
  index: 40,
  'run folder': 30,
  checkpoints: 15,
  tokens: 20,
  'model folder': 20,
  'static folder': 15,
  'cross folder': 10,
  examples: 20,
  'examples by ids': 10,
  pretrain: 4,
  'pretrain --init': 3,
  'pretrain --resume': 3,
  eval: 5,
  encode: 5,
  search: 3,
  distill: 4,
  finetune: 3,
  mine: 8,
};
export const names = Object.keys(shares);
export const shareOf = (name: string): number => shares[name];

const WEIGHTS = 'model.safetensors';
const PROBES = ['The river of 東京, 𠮷a!', '', '[MASK] ΛΟΓΟΣ Käse\u0301 [UNK]##x', '\u0000\uD800 \u2028 Fuß'];

function readers(seeds: Seeds): Target[] {
  const { model, bare, dense, shards, run, index, words, cross } = seeds;
  const only = (content: Files, names: RegExp): Case => ({
    files: new Map([...content].filter(([path]) => names.test(path))),
  });
  return [
    {
      name: 'safetensors',
      inMemory: true,
      cases: [only(model, /^model\.safetensors$/), only(dense, /^2_Dense\/model\.safetensors$/)],
      async run({ files }) {
        const [[name, bytes]] = files.size ? files : [[WEIGHTS, null]];
        const opened = new SafetensorsFile(bytes ?? new Uint8Array(), name);
        for (const tensor of opened.tensors.keys()) opened.float32(tensor);
      },
    },
    {
      name: 'config.json',
      cases: [{ ...only(model, /^(config\.json|model\.safetensors)$/), edited: /^config/ }],
      run: async ({ dir }) => void (await configOf(dir)),
    },
    {
      name: 'tokenizer',
      cases: [only(model, /^tokenizer|^vocab/), only(bare, /^tokenizer|^vocab|^added/)],
      async run({ dir }) {
        const tokenizer = await loadTokenizer(dir);
        for (const text of PROBES) tokenizer.decode(tokenizer.encode(text));
      },
    },
    {
      name: 'corpus',
      cases: Object.entries(corpora).map(([name, content]) => ({ files: file(name, content), args: [name] })),
      async run({ dir, args: [name] }) {
        let length = 0;
        for await (const document of documents(join(dir, name))) length += documentText(document).length;
        if (length === 0) throw new Error(`${name}: nothing was read, and nothing said.`);
      },
    },
    {
      name: 'judgements',
      cases: sets.map((files) => ({ files })),
      run: async ({ dir }) => void (await loadBeir(dir)),
    },
    {
      name: 'index',
      cases: [{ files: index }],
      async run({ dir }) {
        const found = await loadIndex(join(dir, 'i.idx'));
        found.search(new Float32Array(found.dim), 3);
      },
    },
    {
      name: 'run folder',
      cases: [only(run, /^(run\.json|log\.jsonl)$/)],
      async run({ dir }) {
        await readPlan(dir);
        await RunLog.read(dir);
      },
    },
    {
      name: 'checkpoints',
      cases: [{ ...only(run, /^checkpoints/), edited: /state\.json$/ }, only(run, /^checkpoints/)],
      async run({ dir }) {
        let passed: string | undefined;
        const onWarning = (line: string) => (passed ??= line);
        if (!(await new Checkpoints(dir, { onWarning }).latest())) throw new Error(passed ?? `${dir}: no checkpoint.`);
      },
    },
    {
      name: 'tokens',
      cases: [only(run, /^tokens/)],
      async run({ dir }) {
        const opened = await TokenFile.open(join(dir, 'tokens'));
        try {
          for (let i = 0; i < opened.length; i++) opened.at(i);
        } finally {
          opened.close();
        }
      },
    },
    {
      name: 'model folder',
      cases: [model, bare, dense, shards].map((files) => ({ files, edited: /^(?!README)/ })),
      run: async ({ dir }) => void (await loadModel(dir)),
    },
    {
      name: 'static folder',
      cases: [{ files: words, edited: /^(?!README)/ }],
      run: async ({ dir }) => void (await loadStatic(dir)),
    },
    {
      name: 'cross folder',
      cases: [{ files: cross, edited: /^(?!README)/ }],
      run: async ({ dir }) => void (await loadCross(dir)),
    },
    {
      name: 'examples',
      cases: Object.entries(examples).map(([name, content]) => ({ files: file(name, content), args: [name] })),
      async run({ dir, args: [name] }) {
        let count = 0;
        for await (const { positives } of trainingExamples(join(dir, name))) count += positives.length;
        if (count === 0) throw new Error(`${name}: nothing was read, and nothing said.`);
      },
    },
    {
      name: 'examples by ids',
      cases: byIds,
      run: async ({ dir, args: [name, qrels] }) => {
        const at = (path: string) => join(dir, path);
        const paths = { examples: at(name), queries: at('queries.tsv'), corpus: at('corpus.tsv') };
        const options = { scratch: at('aside') };
        for await (const { positives } of idExamples({ ...paths, ...(qrels && { qrels: at(qrels) }) }, options))
          if (positives.includes('')) throw new Error('a passage without a text');
      },
      leftover: (dir) => (existsSync(join(dir, 'aside')) ? 'aside' : partials(dir)),
    },
  ];
}

/** What was written aside and not removed. */
const partials = (dir: string): string | undefined =>
  readdirSync(dir, { recursive: true })
    .map(String)
    .find((path) => path.endsWith('.partial'));

/** The folder of the case, in arguments. */
const HERE = '@';
const OUT = `${HERE}/out`;

/** A run that diverged stays, with its log. */
const stays = (error: unknown): boolean => error instanceof Error && /^step \d+: the loss is/.test(error.message);
const outOf = (dir: string, error: unknown): string | undefined =>
  partials(dir) ?? (existsSync(join(dir, 'out')) && !stays(error) ? 'out' : undefined);

async function command({ dir, args }: { dir: string; args: readonly string[] }): Promise<Said> {
  let heard = false;
  const into: Said = { out: '', err: '' };
  // However long a run is asked for, it ends with its first step.
  const said = (text: string) => {
    if (heard || !text.includes('"type":"step"')) return;
    heard = true;
    process.emit('SIGINT', 'SIGINT');
  };
  await quietly(() => runCommand(args.map((word) => (word.startsWith(HERE) ? dir + word.slice(HERE.length) : word))), {
    said,
    into,
  });
  return into;
}

function commands({ model, bare, dense, shards, run, index, words }: Seeds): Target[] {
  const models = [model, bare, dense, shards];
  const pretrain = ['pretrain', ...ONE_THREAD, '--workers', '0', '--json'];
  const fresh = [...pretrain, '--out', OUT, '--steps', '1', '--eval-every', '0'];
  const tiny = ['--layers', '1', '--hidden', '8', '--heads', '2', '--batch', '2', '--seq', '16', '--vocab-size', '64'];
  const settings = { layers: 1, hidden: 8, heads: 2, batch: 2, seq: 16, vocabSize: 64, lr: '1e-3 * min(step / 10, 1)' };
  const asked = { ...settings, steps: 1, encoderMask: 0.3, schedule: 'cosine', recompute: true, dropout: 0 };
  const corpus = file('corpus.jsonl', corpora['corpus.jsonl']);
  const finetune = [
    'finetune',
    ...ONE_THREAD,
    '--workers',
    '0',
    '--json',
    '--out',
    OUT,
    '--steps',
    '1',
    '--batch',
    '2',
    '--width',
    '8',
  ];
  return [
    {
      name: 'pretrain',
      cases: [
        ...Object.entries(corpora).map(([name, content]) => ({
          files: file(name, content),
          args: [...fresh, ...tiny, '--corpus', `${HERE}/${name}`],
        })),
        ...[asked, { settings: asked }].map((config) => ({
          files: together({ '.': corpus, config: file('settings.json', JSON.stringify(config)) }),
          edited: /settings/,
          args: [
            ...fresh.slice(0, -4),
            '--eval-every',
            '0',
            '--corpus',
            `${HERE}/corpus.jsonl`,
            '--config',
            `${HERE}/config/settings.json`,
          ],
        })),
      ],
      run: command,
      isCommand: true,
      leftover: outOf,
    },
    {
      name: 'finetune',
      cases: [
        ...Object.entries(examples).map(([name, content]) => ({
          files: file(name, content),
          args: [...finetune, '--vocab-size', '64', '--examples', `${HERE}/${name}`],
        })),
        ...[words, model].map((files) => ({
          files: together({ '.': corpus, model: files }),
          edited: /^model\/(?!README)/,
          args: [...finetune, '--corpus', `${HERE}/corpus.jsonl`, '--model', `${HERE}/model`, '--seq', '16'],
        })),
      ],
      run: command,
      isCommand: true,
      leftover: outOf,
    },
    {
      name: 'pretrain --init',
      cases: models.map((files) => ({
        files: together({ '.': corpus, model: files }),
        edited: /^model\/(?!README)/,
        args: [...fresh, '--corpus', `${HERE}/corpus.jsonl`, '--batch', '2', '--init', `${HERE}/model`],
      })),
      run: command,
      isCommand: true,
      leftover: outOf,
    },
    {
      name: 'pretrain --resume',
      cases: [
        {
          files: together({ run }),
          edited: /run\.json|log\.jsonl|state\.json|tokens\//,
          args: [...pretrain, '--resume', '--out', `${HERE}/run`],
        },
        { files: together({ run }), args: [...pretrain, '--resume', '--out', `${HERE}/run`] },
      ],
      run: command,
      isCommand: true,
      leftover: partials,
    },
    {
      name: 'eval',
      cases: [...models.map((files) => [files, sets[0]] as const), ...sets.map((set) => [model, set] as const)].map(
        ([files, set], i) => ({
          files: together({ model: files, set }),
          edited: i < models.length ? /^model\/(?!README)/ : /^set/,
          args: [
            'eval',
            ...ONE_THREAD,
            '--model',
            `${HERE}/model`,
            '--data',
            `${HERE}/set`,
            '--baseline',
            'bm25',
            '--json',
          ],
        }),
      ),
      run: command,
      isCommand: true,
    },
    {
      name: 'encode',
      cases: [
        ...models.map((files) => [files, 'corpus.jsonl'] as const),
        ...Object.keys(corpora).map((name) => [model, name] as const),
      ].map(([files, name], i) => ({
        files: together({ model: files, '.': file(name, corpora[name]) }),
        edited: i < models.length ? /^model\/(?!README)/ : /^(?!model)/,
        args: ['encode', ...ONE_THREAD, '--model', `${HERE}/model`, '--corpus', `${HERE}/${name}`, '--out', OUT],
      })),
      run: command,
      isCommand: true,
      leftover: outOf,
    },
    {
      name: 'distill',
      cases: models.map((files) => ({
        files: together({ model: files, set: sets[0] }),
        edited: /^(model\/(?!README)|set)/,
        args: [
          ...['distill', ...ONE_THREAD, '--model', `${HERE}/model`, '--out', OUT, '--dims', '4', '--json'],
          ...['--corpus', `${HERE}/set/corpus.jsonl`, '--data', `${HERE}/set`, '--split', 'test'],
        ],
      })),
      run: command,
      isCommand: true,
      leftover: outOf,
    },
    {
      name: 'search',
      cases: [/idx/, /corpus/, /^model\/(?!README)/].map((edited) => ({
        files: together({ '.': new Map([...corpus, ...index]), model }),
        edited,
        args: [
          'search',
          ...ONE_THREAD,
          '--model',
          `${HERE}/model`,
          '--index',
          `${HERE}/i.idx`,
          '--query',
          'river',
          '--corpus',
          `${HERE}/corpus.jsonl`,
        ],
      })),
      run: command,
      isCommand: true,
    },
    {
      name: 'mine',
      cases: [
        ...sets.map((set) => ({ files: together({ set }), args: ['--data', `${HERE}/set`, '--split', 'test'] })),
        {
          files: new Map([...corpus, ...file('pairs.jsonl', pairs)]),
          args: ['--pairs', `${HERE}/pairs.jsonl`, '--corpus', `${HERE}/corpus.jsonl`],
        },
      ].map(({ files, args }) => ({
        files,
        args: ['mine', ...args, '--from', 'bm25', '--negatives', '2', '--margin', '99%', '--out', OUT],
      })),
      run: command,
      isCommand: true,
      leftover: outOf,
    },
  ];
}

export const targetsOf = (seeds: Seeds): Target[] => [...readers(seeds), ...commands(seeds)];
