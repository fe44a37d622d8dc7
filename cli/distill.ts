// `retromae distill`: a static encoder out of any other, as model2vec makes it.
import { basename, resolve } from 'node:path';
import { countText, documents, documentText, loadBeir, noCounts, sotu, type WordPiece } from '../data/index.js';
import { loadModel, saveStatic, type ModelCard } from '../hub/index.js';
import { pooledBert } from '../nn/index.js';
import { BertEncoder, distillStatic, ModelEncoder, type Distilled } from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { claimFolder, formatCount, formatShare, Ticker } from '../train/index.js';
import { backendFlags, corpusFlags, required, say, withBackend } from './common.js';
import { sayData, unknownFlag } from './data-summary.js';
import { evaluateBoth, speedsOf } from './distill-report.js';
import { countsOf } from './encoder.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';

const POOLS = ['cls', 'mean'] as const;
const { field, 'max-bad-lines': maxBadLines } = corpusFlags;

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder, of a BERT' },
  out: { type: 'string', value: 'DIR', help: 'folder to write, new or empty' },
  dims: {
    type: 'number',
    rule: rules.integer(1),
    preset: 256,
    help: 'numbers of a vector; at most as many as the model’s',
  },
  represent: {
    type: 'string',
    choices: POOLS,
    help: 'what of a token’s hidden states is taken; model2vec takes the mean (default: what the model folder says)',
  },
  corpus: {
    type: 'string',
    value: 'PATH',
    help: 'texts to count tokens in: file, BEIR folder, directory (default: by their order in the vocabulary)',
  },
  field,
  'max-bad-lines': maxBadLines,
  ...unknownFlag,
  sif: { type: 'number', rule: rules.positive, preset: 1e-4, help: 'a, in the weight a / (a + p) of a token' },
  data: { type: 'string', value: 'BEIRDIR', help: 'evaluate both: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv' },
  split: { type: 'string', value: 'NAME', preset: 'test', help: 'which judgements of --data' },
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object: what was made, how fast it is, how well it retrieves' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Makes a static encoder of a model: a table of vectors, a row a token, that encodes hundreds of times as fast.

Usage: retromae distill --model DIR --out DIR [flags]

Every token goes through the model by itself. Its vector is reduced to --dims principal components, and weighs the more
the rarer the token is. The folder opens in sentence-transformers, in model2vec and here.`;

type Given = Values<typeof flags>;

export async function distillCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  const out = required(given.out, 'out', 'the folder to write');
  refuseOthers(given);
  // Finds out before minutes are spent, and leaves nothing: the folder appears whole.
  const release = await claimFolder(out);
  await release();
  const set = given.data === undefined ? undefined : await loadBeir(given.data, { split: given.split });
  set?.warnings.forEach(say);
  await withBackend(given, async () => {
    const represent = POOLS.find((name) => name === given.represent);
    const { model, tokenizer, notes, description, ...loaded } = await loadModel(dir, { represent });
    notes.forEach(say);
    if (description) say(description);
    const read = given.corpus === undefined ? undefined : await readCorpus(given.corpus, given, tokenizer);
    if (set) {
      const how = { prompt: loaded.prompts.document, maxLength: loaded.maxLength };
      sayData(set.name, countsOf(set.corpus.map(documentText), tokenizer, how), given['max-unknown']);
    }
    const progress: { ticker?: Ticker } = {};
    const onProgress = (done: number, total: number): void => {
      progress.ticker ??= new Ticker(process.stderr, { what: 'tokens', total });
      progress.ticker.update(done);
      if (done < total) return;
      progress.ticker.done();
      say('Taking their principal components.');
    };
    const teaching = { model: pooledBert(model, loaded.pooling), steps: loaded.steps };
    const { dims, sif } = given;
    const distilled = await distillStatic(teaching, tokenizer, { dims, sif, frequencies: read?.counts, onProgress });
    await saveStatic(out, distilled.model, tokenizer, { card: cardOf(basename(resolve(dir)), distilled, given) });
    const { tokens, kept } = distilled;
    const { dim } = distilled.model;
    say(`${formatCount(tokens)} vectors of ${dim} numbers in ${out}, with ${formatShare(kept)} of the variance.`);
    const teacher = {
      name: dir,
      encoder: new BertEncoder(model, tokenizer, loaded),
      similarity: loaded.similarity,
    };
    const student = { name: out, encoder: new ModelEncoder(distilled.model, tokenizer), similarity: 'cosine' } as const;
    const speeds = await speedsOf(teacher, student, read?.sample ?? (await sotu()).map(documentText));
    const found = set && (await evaluateBoth(teacher, student, set));
    const made = { tokens, dim, kept, out, tokensPerSecond: speeds };
    if (given.json) process.stdout.write(`${JSON.stringify({ ...made, ...found?.json })}\n`);
    else if (found) process.stdout.write(found.table);
  });
}

/** @throws UsageError for flags of files that are not given */
function refuseOthers(given: Given): void {
  const owners = { field: ['corpus'], 'max-bad-lines': ['corpus'], 'max-unknown': ['corpus', 'data'], split: ['data'] };
  for (const [name, files] of Object.entries(owners) as [keyof typeof owners, ('corpus' | 'data')[]][])
    if (given[name] !== undefined && files.every((file) => given[file] === undefined))
      throw new UsageError(`--${name} is for --${files.join(' and --')}. Give it, or leave --${name} out.`);
}

/** Texts that are kept to measure speed with. */
const SAMPLE = 2000;

/** How often each token occurs in a corpus, and its first texts. */
async function readCorpus(path: string, given: Given, tokenizer: WordPiece) {
  const counts = new Float64Array(tokenizer.size);
  const sample: string[] = [];
  const data = noCounts();
  const corpus = documents(path, { field: given.field, maxBadLines: given['max-bad-lines'], onWarning: say });
  const ticker = new Ticker(process.stderr, { what: 'texts' });
  for await (const document of corpus) {
    const text = documentText(document);
    const ids = tokenizer.encode(text);
    for (const id of ids) counts[id]++;
    countText(data, text, ids, tokenizer);
    if (sample.length < SAMPLE) sample.push(text);
    ticker.update(data.documents);
  }
  ticker.done();
  const { leftOut, taken } = corpus.report;
  sayData(path, { ...data, leftOut: Object.fromEntries(leftOut), taken: [...taken] }, given['max-unknown']);
  return { counts, sample };
}

function cardOf(
  base: string,
  { tokens, kept, model }: Distilled,
  { corpus, sif = flags.sif.preset }: Given,
): ModelCard {
  const by = corpus === undefined ? 'their order in the vocabulary (Zipf’s law)' : 'counts in a corpus';
  return {
    name: `${base}, distilled`,
    baseModel: base,
    text:
      `Distilled from \`${base}\` as [Model2Vec](https://github.com/MinishLab/model2vec) does it: the vectors of ` +
      `${formatCount(tokens)} tokens, each alone, in their ${model.dim} principal components (${formatShare(kept)} of the ` +
      `variance), weighted by ${sif} / (${sif} + p), with p by ${by}.`,
  };
}
