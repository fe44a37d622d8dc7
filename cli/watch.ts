// Hooks that show a run: one line of progress, or JSON lines.
import type { WordPiece } from '../data/index.js';
import type { Evaluation } from '../retrieval/index.js';
import type { Scalars } from '../retromae/index.js';
import { Progress, type RunHooks } from '../train/index.js';
import { say } from './common.js';
import { dataLines } from './data-summary.js';

export interface Watched<M> {
  /** Of what it learns from: where the counts come from. */
  readonly corpus: string;
  readonly scalars: Scalars;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** How well it retrieves now and then. */
  readonly probe?: {
    readonly name: string;
    measure(model: M, tokenizer: WordPiece, onProgress: () => void): Promise<Evaluation>;
  };
}

export function watchRun<M>({ corpus, scalars, json, signal, probe }: Watched<M>): RunHooks<M> & { done(): void } {
  let progress: Progress | undefined;
  const print = (record: object) => process.stdout.write(`${JSON.stringify(record)}\n`);
  const message = (text: string) => (progress ? progress.note(text) : say(text));
  const hooks: RunHooks<M> = {
    signal,
    message,
    data: (counts) => {
      if (json) print({ type: 'data', ...counts });
      dataLines(corpus, counts).forEach(message);
    },
    planned: (steps) => {
      if (!json) progress = new Progress(process.stderr, { total: steps, scalars });
    },
    step: (record) => (json ? void print({ type: 'step', ...record }) : progress?.update(record)),
    ...(probe && {
      probe: async (model, tokenizer, step) => {
        const { mean } = await probe.measure(model, tokenizer, () => signal.throwIfAborted());
        const scores = {
          'ndcg@10': mean['ndcg@10'],
          'mrr@10': mean['mrr@10'],
          'recall@100': mean['recall@100'],
          queries: mean.queries,
        };
        if (json) print({ type: 'probe', step, ...scores });
        else
          message(
            `probe at step ${step}: nDCG@10 ${scores['ndcg@10'].toFixed(3)} of ${scores.queries} queries (${probe.name})`,
          );
        return scores;
      },
    }),
  };
  return { ...hooks, done: () => progress?.done() };
}
