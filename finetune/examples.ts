// The labelled examples that a run's settings name, from a BEIR folder or a file, and what negatives are mined from beside them.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { documentText, flagOf, idExamples, loadBeir, trainingExamples, type TrainingExample } from '../data/index.js';
import { corpusDocuments, tokensDir, type Observer } from '../train/index.js';
import type { FinetuneSettings } from './settings.js';

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/** What negatives are mined from beside the passages of the examples. @throws if there are two corpora */
export async function* searchedOf(settings: FinetuneSettings, observer: Observer): AsyncGenerator<string> {
  const { examples = '', judged, method, mineCorpus } = settings;
  if (method !== 'ance') return;
  const isBeir = await isFolder(examples);
  if (isBeir && mineCorpus !== undefined)
    throw new Error(`--mine-corpus is given, but the folder ${examples} has a corpus of its own. Leave it out.`);
  if (isBeir) for (const document of (await loadBeir(examples, { split: judged })).corpus) yield documentText(document);
  if (mineCorpus === undefined) return;
  const corpus = corpusDocuments({ ...settings, corpus: mineCorpus }, observer, flagOf('mineCorpus'));
  for await (const { text } of corpus) yield text;
}

/** The examples, without their scores where a teacher makes others. */
export async function* examplesOf(settings: FinetuneSettings, observer: Observer): AsyncGenerator<TrainingExample> {
  for await (const { scores, ...example } of examplesIn(settings, observer))
    yield settings.teacher === undefined ? { ...example, scores } : example;
}

/** From a BEIR folder, or a file of texts or of ids. */
async function* examplesIn(settings: FinetuneSettings, observer: Observer): AsyncGenerator<TrainingExample> {
  const { examples: path = '', judged, exampleQueries, exampleCorpus, exampleQrels, field, maxBadLines } = settings;
  if (exampleQueries !== undefined && exampleCorpus !== undefined) {
    const paths = { examples: path, queries: exampleQueries, corpus: exampleCorpus, qrels: exampleQrels };
    const scratch = join(tokensDir(settings), 'passages.txt');
    const { message: onWarning, signal } = observer;
    return yield* idExamples(paths, { scratch, field, maxBadLines, onWarning, signal });
  }
  if (!(await isFolder(path))) return yield* trainingExamples(path);
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
