// What a table's fine-tuning on labelled examples needs: hard negatives of BM25 or of a model, and a cross-encoder's scores.
import { documentText, writeFileAtomic, type RetrievalSet } from '../../data/index.js';
import { loadCross } from '../../hub/index.js';
import { CrossScorer, NegativeMiner, type Encoder } from '../../retrieval/index.js';
import { bm25Ranker, encoderRanker, minedLines, taughtLines } from '../example-files.js';
import { askedOf } from '../example-lines.js';

/** Ranks from which negatives are drawn: the authors take the first 200. */
const DEPTH = 200;

export interface Mining {
  /** Whose ranking they are from; BM25's if not given. */
  readonly encoder?: Encoder;
  readonly negatives: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Writes the judged queries of a set with hard negatives. @throws if no query has a relevant document, or as `minedLines` */
export async function mine(
  file: string,
  set: RetrievalSet,
  { encoder, signal, negatives, seed }: Mining,
): Promise<void> {
  const texts = set.corpus.map((one) => ({ id: one.id, text: documentText(one) }));
  const miner = new NegativeMiner(texts, { negatives, seed, to: DEPTH });
  const asked = askedOf(set, miner).asked.filter(({ positives }) => positives.length > 0);
  if (asked.length === 0) throw new Error(`${set.name}: no query of the training split has a relevant document.`);
  const task = { name: set.name, texts, miner, asked };
  const onProgress = () => signal?.throwIfAborted();
  const ranker = encoder ? await encoderRanker(encoder, task, { similarity: 'cosine', onProgress }) : bm25Ranker(task);
  await writeFileAtomic(file, minedLines(task, [ranker], { signal }));
}

/** Writes examples with the scores of the cross-encoder in a folder. */
export async function teach(file: string, examples: string, teacher: string, signal?: AbortSignal): Promise<void> {
  const { model, tokenizer, maxLength } = await loadCross(teacher);
  const scorer = new CrossScorer(model, tokenizer, { maxLength });
  await writeFileAtomic(file, taughtLines(examples, scorer, { signal }));
}
