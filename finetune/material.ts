// What a run learns from, as tokens in its folder: raw text with its near-duplicates, or labelled examples, with the scores of a
// teacher where there is one.
import { mkdir } from 'node:fs/promises';
import { isStatic, loadStatic, tokenizerOf } from '../hub/index.js';
import {
  corpusDocuments,
  foldedAsAsked,
  formatCount,
  learntVocabulary,
  openTokens,
  tokenise,
  tokensDir,
  type Observer,
} from '../train/index.js';
import type { FinetuneRecipe } from './batch-recipe.js';
import { ExampleFile, hasExamples, writeExamples } from './example-file.js';
import { examplesOf, searchedOf } from './examples.js';
import { newTrained } from './models.js';
import { documentsOf, hasClusters, writeClusters } from './near-duplicates.js';
import { ARCHITECTURES, type FinetuneSettings } from './settings.js';
import { openTeacher, writeTeacherScores, type TeachingHooks } from './teacher.js';

/** The corpus as tokens in the run's folder, with its near-duplicates. */
export async function unlabelled(settings: FinetuneSettings, hooks: Observer): Promise<FinetuneRecipe> {
  const dir = tokensDir(settings);
  let file = await openTokens(settings);
  if (!file) {
    async function* texts() {
      for await (const { text } of corpusDocuments(settings, { signal: hooks.signal })) yield text;
    }
    const tokenizer = (await givenTokenizer(settings)) ?? (await learntVocabulary(settings, texts(), hooks));
    file = await tokenise({ ...settings, words: 'pieces' }, tokenizer, hooks);
  }
  await findDuplicates(dir, documentsOf(file), hooks);
  file.close();
  return recipeOf(settings, dir, false);
}

/** Finds those that are to be no negatives of each other, if nobody did. */
async function findDuplicates(dir: string, documents: Iterable<ArrayLike<number>>, hooks: Observer): Promise<void> {
  if (await hasClusters(dir)) return;
  const count = await writeClusters(dir, documents);
  if (count > 0)
    hooks.message?.(
      `${formatCount(count)} documents say nearly what another one says: none is a negative of the other.`,
    );
}

/** The examples as tokens in the run's folder. @throws if they lack what the method learns from */
export async function labelled(settings: FinetuneSettings, hooks: TeachingHooks): Promise<FinetuneRecipe> {
  const { method, queryLength, seq, queryPrompt, documentPrompt } = settings;
  const dir = tokensDir(settings);
  if (!(await hasExamples(dir))) {
    await mkdir(dir, { recursive: true });
    async function* texts() {
      for await (const { query, positives, negatives } of examplesOf(settings, { signal: hooks.signal }))
        yield* [query, ...positives, ...negatives];
      yield* searchedOf(settings, hooks);
    }
    const tokenizer = (await givenTokenizer(settings)) ?? (await learntVocabulary(settings, texts(), hooks));
    const lengths = { queryTokens: queryLength - 2, passageTokens: seq - 2 };
    const corpus = searchedOf(settings, hooks);
    const options = { ...lengths, queryPrompt, documentPrompt, corpus };
    await writeExamples(dir, tokenizer, examplesOf(settings, hooks), options);
  }
  let { negatives, hasScores, leftOut } = await looked(dir, settings, hooks);
  if (settings.teacher !== undefined && !hasScores && negatives > 0) {
    await taught(dir, settings, hooks);
    ({ negatives, hasScores, leftOut } = await looked(dir, settings, hooks));
  }
  if (method === 'distill' && !hasScores && settings.teacher === undefined)
    throw new Error(
      `${settings.examples}: not every example has a teacher's scores ("pos_scores", "neg_scores"), which --method distill learns from. Name a --teacher, or let \`retromae rerank --teacher\` write them.`,
    );
  if ((method === 'cross' || method === 'distill') && negatives === 0)
    throw new Error(
      `${settings.examples}: no example has a negative, and ${method === 'cross' ? 'a cross-encoder' : 'from a teacher’s scores one'} learns from one beside each positive. Let \`retromae mine\` find some, or ask for more with --negatives.`,
    );
  if (leftOut > 0) hooks.message?.(`${formatCount(leftOut)} examples without negatives are left out.`);
  return recipeOf({ ...settings, negatives }, dir, true);
}

/** What examples have, and negatives as many as there are, or as will be mined. */
async function looked(dir: string, settings: FinetuneSettings, hooks: Observer) {
  const { method, queryPrompt, documentPrompt } = settings;
  const file = await ExampleFile.open(dir, method === 'distill');
  try {
    if (method === 'ance') await findDuplicates(dir, file.withoutPrompts({ queryPrompt, documentPrompt }), hooks);
    const { mostNegatives, hasScores, leftOut } = file;
    const negatives = method === 'ance' ? settings.negatives : Math.min(settings.negatives, mostNegatives);
    return { negatives, hasScores, leftOut };
  } finally {
    file.close();
  }
}

/** The teacher's scores of the examples. */
async function taught(dir: string, settings: FinetuneSettings, hooks: TeachingHooks): Promise<void> {
  const file = await ExampleFile.open(dir);
  try {
    // What is wrong with the student is better known before hours of the teacher.
    await newTrained(settings, file.texts.tokenizer, file.texts, {});
  } finally {
    file.close();
  }
  const teacher = await openTeacher(settings.teacher!);
  await writeTeacherScores(dir, teacher, examplesOf(settings, { signal: hooks.signal }), hooks);
}

function recipeOf(settings: FinetuneSettings, dir: string, isLabelled: boolean): FinetuneRecipe {
  const { pairs, tokenDrop, cropLeast, cropMost, keepSentence } = settings;
  const { negatives, queryLength, seq, batch, seed, method } = settings;
  return {
    ...{ dir, labelled: isLabelled, joined: method === 'cross', taught: method === 'distill' },
    ...{ pairs, tokenDrop, cropLeast, cropMost, keepSentence },
    ...{ negatives, queryLength, passageLength: seq, size: batch, seed },
  };
}

/** The tokenizer of the model to begin with, of its words, or the one that is named; undefined if one is to be learnt. */
async function givenTokenizer(settings: FinetuneSettings) {
  const { model, initWords, vocab } = settings;
  const folder = (ARCHITECTURES as readonly string[]).includes(model) ? initWords : model;
  if (folder === undefined) return vocab === undefined ? undefined : foldedAsAsked(vocab, settings);
  if (vocab !== undefined) throw new Error(`--vocab is given, but the words are those of ${folder}. Leave it out.`);
  return (await isStatic(folder)) ? (await loadStatic(folder)).tokenizer : tokenizerOf(folder);
}
