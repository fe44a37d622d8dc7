// Fine-tuning as a job: what `retromae finetune` does, as a function.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { documentText, isThere, loadBeir, trainingExamples, type TrainingExample } from '../data/index.js';
import { configOf, isStatic, loadStatic, tokenizerOf } from '../hub/index.js';
import { CrossEncoder, parameterCount, type BertForMaskedLM, type StaticModel, type TextModel } from '../nn/index.js';
import type { Scalars } from '../retromae/index.js';
import {
  corpusDocuments,
  foldedAsAsked,
  formatCount,
  formatQuantity,
  learntVocabulary,
  openTokens,
  Prefetch,
  refuseUnknown,
  resumeJob,
  startJob,
  tokenise,
  tokensDir,
  type Observer,
  type RunHooks,
  type RunResult,
  type Task,
  type TrainingJob,
} from '../train/index.js';
import { openBatches, type FinetuneRecipe } from './batch-recipe.js';
import { biEncoderLosses, distillScalars, rankingScalars, type BiEncoderOptions } from './bi-encoder.js';
import { crossLosses } from './cross.js';
import { ExampleFile, hasExamples, writeExamples } from './example-file.js';
import type { GroupBatch } from './groups.js';
import { newTrained } from './models.js';
import { writeClusters } from './near-duplicates.js';
import {
  ARCHITECTURES,
  finetuneSettings,
  finetuning,
  NO_CORPUS,
  parseDims,
  type FinetuneSettings,
} from './settings.js';

export type FinetunedModel = BertForMaskedLM | StaticModel | CrossEncoder;
export type FinetuneHooks = RunHooks<FinetunedModel> & {
  /** Told of what makes vectors of texts, when it is there. */
  model?(text: TextModel): void;
};
export type FinetuneResult = RunResult<FinetunedModel>;

/** Starts a run in an empty folder. @throws as `startJob`, or if the settings or what they name are wrong */
export const finetune = (given: Partial<FinetuneSettings>, hooks: FinetuneHooks = {}): Promise<FinetuneResult> =>
  startJob(jobOf(hooks), finetuneSettings(given), hooks);

/** Goes on with the run in a folder: see `resumeJob`. */
export const resumeFinetune = (
  out: string,
  given: Partial<FinetuneSettings> = {},
  hooks: FinetuneHooks = {},
): Promise<FinetuneResult> => resumeJob(jobOf(hooks), out, given, hooks);

/** Goes on with the run in the settings' folder, or starts it where there is none. */
export const finetuneOn = async (settings: FinetuneSettings, hooks: FinetuneHooks = {}): Promise<FinetuneResult> =>
  (await isThere(join(settings.out, 'run.json'))) ? resumeFinetune(settings.out, {}, hooks) : finetune(settings, hooks);

const jobOf = (own: FinetuneHooks): TrainingJob<FinetuneSettings, FinetunedModel, GroupBatch> => ({
  ...finetuning,
  prepare: (settings, hooks) => prepare(settings, { ...own, ...hooks }),
});

async function prepare(given: FinetuneSettings, hooks: FinetuneHooks): Promise<Task<FinetunedModel, GroupBatch>> {
  const settings = await withinPositions(given);
  const { corpus, cacheChunk, workers, lrWords, maxUnknown } = settings;
  const recipe = corpus === NO_CORPUS ? await labelled(settings, hooks) : await unlabelled(settings, hooks);
  const { batches, file } = await openBatches(recipe);
  try {
    const texts = file instanceof ExampleFile ? file.texts : file;
    const { tokenizer, counts: data } = texts;
    if (data && corpus !== NO_CORPUS) {
      hooks.data?.(data);
      refuseUnknown(corpus, data, maxUnknown);
    }
    const { model, text, kept } = await newTrained(settings, tokenizer, texts, hooks);
    if (text) hooks.model?.(text);
    const options = optionsOf(settings, file);
    hooks.message?.(
      `${formatCount(file.length)} ${recipe.labelled ? 'examples' : 'passages'} are ${formatCount(batches.perEpoch)} batches an epoch; ` +
        `${formatQuantity(parameterCount(model))} parameters.`,
    );
    return {
      ...{ model, tokenizer, kept, batches, data },
      objective: { scalars: scalarsOf(settings) },
      groups: lrWords === 1 ? [] : [{ matches: (name) => name.includes('word_embeddings'), lr: lrWords }],
      microBatch: (batch, index) => {
        const random = batches.dropout(index);
        return Promise.resolve(
          model instanceof CrossEncoder
            ? () => crossLosses(model, batch, random)
            : biEncoderLosses(text!, batch, options, cacheChunk, random),
        );
      },
      prefetch: (first, end, together) =>
        new Prefetch(batches, { program: 'finetune-worker', recipe }, { first, end, together, workers }),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** No text is longer than the model to begin with takes. */
async function withinPositions(settings: FinetuneSettings): Promise<FinetuneSettings> {
  const { model, seq, queryLength } = settings;
  if ((ARCHITECTURES as readonly string[]).includes(model) || (await isStatic(model))) return settings;
  const { max_position_embeddings: most } = await configOf(model);
  return { ...settings, seq: Math.min(seq, most), queryLength: Math.min(queryLength, most) };
}

/** What the losses of a run report. */
export const scalarsOf = ({ method }: Pick<FinetuneSettings, 'method'>): Scalars =>
  method === 'distill' ? distillScalars : rankingScalars;

/** @throws if the examples lack what the method needs */
function optionsOf(settings: FinetuneSettings, file: object): BiEncoderOptions {
  const { similarity, temperature, symmetric, margin, dims, method, examples } = settings;
  const { distillLoss: loss, distillTemperature, contrastWeight } = settings;
  const options = { similarity, temperature, symmetric, margin, ...(dims !== undefined && { dims: parseDims(dims) }) };
  if (method !== 'distill') return options;
  if (!(file instanceof ExampleFile) || !file.hasScores)
    throw new Error(
      `${examples}: not every example has a teacher's scores ("pos_scores", "neg_scores"), which --method distill learns from. Let \`retromae rerank --teacher\` write them.`,
    );
  return { ...options, distill: { loss, temperature: distillTemperature, contrastWeight } };
}

const recipeOf = (settings: FinetuneSettings, dir: string, labelledToo: boolean): FinetuneRecipe => {
  const { pairs, tokenDrop, cropLeast, cropMost, keepSentence, negatives, queryLength, seq, batch, seed, method } =
    settings;
  return {
    ...{
      dir,
      labelled: labelledToo,
      pairs,
      tokenDrop,
      cropLeast,
      cropMost,
      keepSentence,
      negatives,
      queryLength,
      seed,
    },
    ...{ passageLength: seq, size: batch, joined: method === 'cross' },
  };
};

/** The corpus as tokens in the run's folder, with its near-duplicates. */
async function unlabelled(settings: FinetuneSettings, hooks: Observer): Promise<FinetuneRecipe> {
  const dir = tokensDir(settings);
  let file = await openTokens(settings);
  if (!file) {
    async function* texts() {
      for await (const { text } of corpusDocuments(settings, { signal: hooks.signal })) yield text;
    }
    const tokenizer = (await givenTokenizer(settings)) ?? (await learntVocabulary(settings, texts(), hooks));
    file = await tokenise({ ...settings, words: 'pieces' }, tokenizer, hooks);
  }
  if (!(await isThere(join(dir, 'clusters.bin')))) {
    const count = await writeClusters(dir, file);
    if (count > 0)
      hooks.message?.(
        `${formatCount(count)} documents say nearly what another one says: none is a negative of the other.`,
      );
  }
  file.close();
  return recipeOf(settings, dir, false);
}

/** The examples as tokens in the run's folder. */
async function labelled(settings: FinetuneSettings, hooks: Observer): Promise<FinetuneRecipe> {
  const { out, queryLength, seq, queryPrompt, documentPrompt } = settings;
  const dir = join(out, 'tokens');
  if (!(await hasExamples(dir))) {
    async function* texts() {
      for await (const { query, positives, negatives } of examplesOf(settings))
        yield* [query, ...positives, ...negatives];
    }
    const tokenizer = (await givenTokenizer(settings)) ?? (await learntVocabulary(settings, texts(), hooks));
    const lengths = { queryTokens: queryLength - 2, passageTokens: seq - 2 };
    await mkdir(dir, { recursive: true });
    await writeExamples(dir, tokenizer, examplesOf(settings), { ...lengths, queryPrompt, documentPrompt });
  }
  const file = await ExampleFile.open(dir);
  const negatives = Math.min(settings.negatives, file.mostNegatives);
  file.close();
  if (settings.method === 'cross' && negatives === 0)
    throw new Error(
      `${settings.examples}: no example has a negative, and a cross-encoder learns from one beside each positive. Let \`retromae mine\` find some, or ask for more with --negatives.`,
    );
  return recipeOf({ ...settings, negatives }, dir, true);
}

/** The examples that the settings name, from a BEIR folder or a file. */
async function* examplesOf({ examples: path = '', judged }: FinetuneSettings): AsyncGenerator<TrainingExample> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return yield* trainingExamples(path);
  const { corpus, queries, qrels } = await loadBeir(path, { split: judged });
  const texts = new Map(corpus.map((document) => [document.id, documentText(document)]));
  let count = 0;
  for (const { id, text } of queries) {
    const all = [...qrels.get(id)!].flatMap(([document, grade]) =>
      texts.has(document) ? [{ text: texts.get(document)!, grade }] : [],
    );
    const positives = all.filter(({ grade }) => grade >= 1).map((each) => each.text);
    if (positives.length === 0) continue;
    count++;
    yield { id, query: text, positives, negatives: all.filter(({ grade }) => grade < 1).map((each) => each.text) };
  }
  if (count === 0) throw new Error(`${path}: no query of the split ${judged} has a relevant document in the corpus.`);
}

/** The tokenizer of the model to begin with, of its words, or the one that is named; undefined if one is to be learnt. */
async function givenTokenizer(settings: FinetuneSettings) {
  const { model, initWords, vocab } = settings;
  const folder = (ARCHITECTURES as readonly string[]).includes(model) ? initWords : model;
  if (folder === undefined) return vocab === undefined ? undefined : foldedAsAsked(vocab, settings);
  if (vocab !== undefined) throw new Error(`--vocab is given, but the words are those of ${folder}. Leave it out.`);
  return (await isStatic(folder)) ? (await loadStatic(folder)).tokenizer : tokenizerOf(folder);
}
