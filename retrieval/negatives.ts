// Hard negatives out of rankings. After DPR (Karpukhin et al., 2020), ANCE (Xiong et al., 2021) and NV-Retriever (2024).
import { Random } from '../core/index.js';
import { DocumentNumbers } from './ranking.js';
import type { Ranking } from './rankings.js';
import type { Hit } from './types.js';

/**
 * How much worse than the worst positive a negative must score, not to be a positive that nobody has judged (NV-Retriever,
 * de Souza Moreira et al., 2024, arXiv 2407.15831, positive-aware mining): at most s - `below` (TopK-MarginPos), or at most
 * `share` * s (TopK-PercPos; where s is negative (2 - share) * s, which is as far below it).
 */
export type Margin = { readonly below: number } | { readonly share: number };

/** Which of the candidates are taken: the best, or any, each as likely as the others. */
export const negativePicks = ['random', 'top'] as const;
export type NegativePick = (typeof negativePicks)[number];

/** So many random documents are looked at for each that is wanted, where the margin lets few pass. */
const LOOKED_AT = 128;

export interface NegativeOptions {
  /** Negatives of a query that are drawn from its rankings. Default 15. */
  readonly negatives?: number;
  /** Negatives that are any documents of the corpus, beside these. Default 0. */
  readonly random?: number;
  /** Candidates are the ranks `from` to `to` of each ranking, both included, counted from 1. Default 1 to 200. */
  readonly from?: number;
  readonly to?: number;
  /** Default: none, all are taken for negatives. */
  readonly margin?: Margin;
  /** Default 'random'. */
  readonly pick?: NegativePick;
  /** What is drawn depends on it and on the query's id alone. Default 0. */
  readonly seed?: number;
}

/** Ranks as they are typed, such as 10-100: both included. @throws if they are none */
export function parseRanks(text: string): { from: number; to: number } {
  const [from, to] = (/^(\d+)-(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
  if (from >= 1 && from <= to && Number.isSafeInteger(to)) return { from, to };
  throw new Error(`${text}: no two ranks, the first at least 1 and the second not below it`);
}

export interface QueryToMine {
  readonly id: string;
  readonly text: string;
  /** Ids of the documents that are known to answer it, one at least. */
  readonly positives: readonly string[];
  /** One or more, down to rank `to` at least. The first one's scores are those of margin and result. */
  readonly rankings: readonly Ranking[];
}

export interface MinedNegatives {
  /** The positives with their scores. */
  readonly positives: readonly Hit[];
  /** Those of the rankings by turns, best rank first; then those that are any documents. */
  readonly negatives: readonly Hit[];
  /** How many are any documents because the rankings had too few. */
  readonly filled: number;
  /** How many are missing because the corpus has no more, or hardly any that the margin lets pass. */
  readonly missing: number;
  /** How many candidates the margin left out. */
  readonly aboveMargin: number;
  /** How many candidates were left out for having the text of a positive, or of the query. */
  readonly equal: number;
}

/**
 * Draws negatives for queries. Documents of one text are one document here: none that equals a positive is a negative, and
 * no two negatives are equal. A document that is drawn from the whole corpus is none of those that were ranked: these are
 * drawn from the ranks or meant to be left out. It knows no files and no model, so that a training loop can mine again with
 * new rankings (ANCE).
 */
export class NegativeMiner {
  /** Of all of a query. */
  readonly depth: number;
  private readonly options: Required<Omit<NegativeOptions, 'margin'>>;
  private readonly margin: Margin | undefined;
  private readonly ids: readonly string[];
  private readonly numbers: DocumentNumbers;
  /** By text the first document that has it. */
  private readonly first = new Map<string, number>();
  /** Of each document the first one of its text. */
  private readonly originals: Int32Array;

  /**
   * @param documents all that may be negatives, with the text that is searched
   * @throws if an id comes twice, or an option is not what it should be
   */
  constructor(
    private readonly documents: readonly { readonly id: string; readonly text: string }[],
    { negatives = 15, random = 0, from = 1, to = 200, margin, pick = 'random', seed = 0 }: NegativeOptions = {},
  ) {
    this.options = { negatives, random, from, to, pick, seed };
    this.margin = margin;
    checkOptions(this.options, margin);
    this.depth = to;
    this.ids = documents.map(({ id }) => id);
    this.numbers = new DocumentNumbers(this.ids);
    this.originals = Int32Array.from(documents, ({ id, text }, doc) => {
      if (this.numbers.of(id) !== doc)
        throw new Error(
          `negatives: the document id ${JSON.stringify(id)} comes twice, expected distinct ids; rename or drop one of the two.`,
        );
      const key = text.trim();
      const original = this.first.get(key) ?? doc;
      if (original === doc) this.first.set(key, doc);
      return original;
    });
  }

  has(id: string): boolean {
    return this.numbers.has(id);
  }

  /** The id of the first document of this text, blanks at the ends left aside; undefined if there is none. */
  withText(text: string): string | undefined {
    const doc = this.first.get(text.trim());
    return doc === undefined ? undefined : this.ids[doc];
  }

  /** @throws if no document has this id */
  textOf(id: string): string {
    return this.documents[this.numbers.of(id)].text;
  }

  /** @throws if a query has no positive or no ranking, or a document is not of the corpus */
  mine(query: QueryToMine): MinedNegatives {
    const { id, positives: positiveIds, rankings } = query;
    if (positiveIds.length === 0 || rankings.length === 0)
      throw new Error(
        `negatives: query ${JSON.stringify(id)} has ${positiveIds.length} positives and ${rankings.length} rankings, expected one at least of each; leave it out.`,
      );
    const { negatives, random: any, pick, seed } = this.options;
    const random = new Random(seed, ...Array.from({ length: id.length }, (_, i) => id.charCodeAt(i)));
    const scored = scorer(rankings[0]);
    const positives = scored(positiveIds);
    const limit = limitOf(Math.min(...positives.map(({ score }) => score)), this.margin);

    const answers = this.answersTo(query);
    const { candidates, equal } = this.candidatesOf(query, answers);
    const fit = scored(candidates).filter(({ score }) => score <= limit);
    const drawn = pick === 'top' ? fit.slice(0, negatives) : sample(fit, negatives, random);
    const wanted = negatives + any - drawn.length;
    const others = this.anyOf(wanted, this.around(query, answers), random, (ids) =>
      scored(ids).filter(({ score }) => score <= limit),
    );
    return {
      positives,
      negatives: [...drawn, ...others],
      filled: Math.min(others.length, negatives - drawn.length),
      missing: wanted - others.length,
      aboveMargin: candidates.length - fit.length,
      equal,
    };
  }

  private original(id: string): number {
    return this.originals[this.numbers.of(id)];
  }

  /** The documents that are positives, and the one that is the query itself, where queries are documents. */
  private answersTo({ positives, text }: QueryToMine): Set<number> {
    const itself = this.first.get(text.trim());
    return new Set([...positives.map((id) => this.original(id)), ...(itself === undefined ? [] : [itself])]);
  }

  /** The distinct documents of the ranks, rankings by turns, and how many were left out for the text of an answer. */
  private candidatesOf({ positives, rankings }: QueryToMine, answers: ReadonlySet<number>) {
    const { from, to } = this.options;
    const known = new Set(positives);
    const found = new Map<number, string>();
    const equal = new Set<string>();
    const ranked = rankings.map(({ hits }) => hits.slice(from - 1, to));
    for (let rank = 0; rank < Math.max(...ranked.map(({ length }) => length)); rank++)
      for (const hits of ranked) {
        const id = hits.at(rank)?.id;
        if (id === undefined || known.has(id)) continue;
        const doc = this.original(id);
        if (answers.has(doc)) equal.add(id);
        else if (!found.has(doc)) found.set(doc, id);
      }
    return { candidates: [...found.values()], equal: equal.size };
  }

  /** The answers, and all that is ranked down to `to`: what is left is far from the query. */
  private around({ rankings }: QueryToMine, answers: ReadonlySet<number>): Set<number> {
    const ranked = rankings.flatMap(({ hits }) => hits.slice(0, this.options.to).map(({ id }) => this.original(id)));
    return new Set([...answers, ...ranked]);
  }

  /** Up to `wanted` documents that are not `excluded` and that `fitting` lets pass. */
  private anyOf(
    wanted: number,
    excluded: ReadonlySet<number>,
    random: Random,
    fitting: (ids: readonly string[]) => Hit[],
  ): Hit[] {
    const found: Hit[] = [];
    // Of documents of one text the first alone, so that none comes twice.
    const isOpen = (doc: number): boolean => this.originals[doc] === doc && !excluded.has(doc);
    // Scored together, and ever more of them where few pass: BM25 looks through its index for one score.
    let [batch, looked]: [string[], number] = [[], 0];
    for (const doc of inRandomOrder(this.ids.length, random)) {
      if (found.length === wanted || looked >= LOOKED_AT * wanted) break;
      if (!isOpen(doc)) continue;
      batch.push(this.ids[doc]);
      if (batch.length < Math.max(wanted, looked)) continue;
      looked += batch.length;
      found.push(...fitting(batch).slice(0, wanted - found.length));
      batch = [];
    }
    return [...found, ...fitting(batch).slice(0, wanted - found.length)];
  }
}

/** Scores of documents: those that are ranked, and the others asked for together. */
function scorer({ hits, scores }: Ranking): (ids: readonly string[]) => Hit[] {
  const known = new Map(hits.map(({ id, score }) => [id, score]));
  return (ids) => {
    const others = ids.filter((id) => !known.has(id));
    if (others.length > 0) scores(others).forEach((score, i) => known.set(others[i], score));
    return ids.map((id) => ({ id, score: known.get(id)! }));
  };
}

/** The best score that a negative may have, beside a positive's. */
function limitOf(positive: number, margin: Margin | undefined): number {
  if (margin === undefined) return Infinity;
  if ('below' in margin) return positive - margin.below;
  return positive * (positive < 0 ? 2 - margin.share : margin.share);
}

/** Some of the items, each as likely as the others, in their order. */
function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  if (items.length <= count) return [...items];
  const chosen = new Set<number>();
  for (const i of inRandomOrder(items.length, random)) if (chosen.add(i).size === count) break;
  return items.filter((_, i) => chosen.has(i));
}

/** 0 .. n-1 in random order: Fisher and Yates, of whose array only what was moved exists, for few are drawn of many. */
function* inRandomOrder(n: number, random: Random): Generator<number> {
  const moved = new Map<number, number>();
  for (let left = n; left > 0; left--) {
    const at = random.below(left);
    yield moved.get(at) ?? at;
    moved.set(at, moved.get(left - 1) ?? left - 1);
  }
}

/** @throws naming the option */
function checkOptions(
  { negatives, random, from, to, pick }: Required<Omit<NegativeOptions, 'margin'>>,
  margin: Margin | undefined,
): void {
  const refuse = (what: string, wanted: string): never => {
    throw new Error(`negatives: ${what}; ${wanted}.`);
  };
  for (const [name, value, least] of [
    ['negatives', negatives, 1],
    ['random', random, 0],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      refuse(`${name} = ${value}`, `it must be a whole number of at least ${least}`);
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to < from)
    refuse(`ranks ${from} to ${to}`, 'they must be whole numbers, the first at least 1 and the last not below it');
  if (!negativePicks.includes(pick))
    refuse(`pick is ${JSON.stringify(pick)}`, `it must be one of ${negativePicks.join(', ')}`);
  if (!margin) return;
  if ('below' in margin && !(margin.below >= 0 && margin.below < Infinity))
    refuse(`margin below = ${margin.below}`, 'it must be 0 or more');
  if ('share' in margin && !(margin.share > 0 && margin.share <= 1))
    refuse(`margin share = ${margin.share}`, 'it must be above 0 and at most 1');
}
