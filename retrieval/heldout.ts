// A retrieval task made of plain text: a sentence cut from its passage must find it. After ORQA's inverse cloze task.
import { Random } from '../core/index.js';
import { sentenceSegments, wordCount, type Query, type RetrievalSet } from '../data/pure.js';

export interface HeldOutOptions {
  /** How many passages lose a sentence; fewer if the text has no more that qualify. */
  readonly queries?: number;
  readonly seed?: number;
  /**
   * The chance of each passage to be drawn, by its own words alone. Of a corpus that grew, no sentence is then cut that was
   * whole in the smaller one (but may have been cut there, and be whole now). Default: drawn at random from all.
   */
  readonly share?: number;
  /** Passages with fewer sentences are left whole: what remains must still be about something. */
  readonly minSentences?: number;
  /** Sentences with fewer words are no queries. */
  readonly minWords?: number;
  /** Of the rules by which sentences and words are told apart, a BCP 47 tag. */
  readonly locale?: string;
  /** Cuts a text into sentences whose concatenation is the text; `sentenceSegments` if not given. */
  readonly split?: (text: string) => string[];
}

/**
 * Makes queries of sentences (Lee, Chang and Toutanova, 2019). Draws passages at random, cuts one sentence at random out
 * of each, and asks for the passage by it. The corpus is all passages, those drawn without their sentence, so that
 * finding one takes more than finding its words: a model is told from a lookup. Every query has one relevant document.
 *
 * The same documents, options and seed give the same task. Train on `corpus`, not on the whole text, if the sentences are
 * not to have been seen.
 * @throws if no passage qualifies, or two documents have the same id
 */
export function heldOut(
  documents: readonly { readonly id: string; readonly text: string }[],
  {
    queries: wanted = 500,
    seed = 0,
    share,
    minSentences = 3,
    minWords = 8,
    locale = 'en',
    split = (text) => [...sentenceSegments(text, locale)],
  }: HeldOutOptions = {},
): RetrievalSet {
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new Error(`held-out: queries = ${wanted}, expected a whole number of at least 1; 500 is usual.`);
  }
  if (share !== undefined && !(share > 0 && share <= 1))
    throw new Error(`held-out: share = ${share}, expected a number above 0 and at most 1: the chance of each passage.`);
  const cuts = new Map<number, Cut>();
  for (const { at, random } of share === undefined ? fromAll(documents, seed) : byText(documents, seed, share)) {
    if (cuts.size === wanted) break;
    const sentences = split(documents[at].text).filter((sentence) => sentence.trim() !== '');
    if (sentences.length < minSentences) continue;
    const candidates = sentences
      .map((_, i) => cutAt(sentences, i))
      .filter(({ sentence, rest }) => wordCount(sentence, locale) >= minWords && !rest.includes(sentence));
    if (candidates.length > 0) cuts.set(at, candidates[random.below(candidates.length)]);
  }
  return assemble(documents, cuts, wanted, `at least ${minSentences} sentences, one of ${minWords} words or more`);
}

/** A passage, and the generator that draws its sentence. */
interface Drawn {
  readonly at: number;
  readonly random: Random;
}

function fromAll({ length }: ArrayLike<unknown>, seed: number): Drawn[] {
  const random = new Random(seed);
  const order = Uint32Array.from({ length }, (_, at) => at);
  random.shuffle(order);
  return Array.from(order, (at) => ({ at, random }));
}

/** Characters by which a passage is told from others. */
const READ = 1000;

/** Everything about a passage follows from its text: its generator, and by that its place in the order. */
function byText(documents: readonly { readonly text: string }[], seed: number, share: number): Drawn[] {
  const seen = new Set<string>();
  return documents
    .flatMap(({ text }, at) => {
      if (seen.has(text)) return [];
      seen.add(text);
      const random = new Random(seed, ...Array.from(text.slice(0, READ), (_, i) => text.charCodeAt(i)));
      const place = random.uniform();
      return place < share ? [{ at, random, place }] : [];
    })
    .sort((a, b) => a.place - b.place);
}

interface Cut {
  readonly sentence: string;
  readonly rest: string;
}

function cutAt(sentences: readonly string[], i: number): Cut {
  return { sentence: sentences[i].trim(), rest: sentences.toSpliced(i, 1).join('').trim() };
}

function assemble(
  documents: readonly { readonly id: string; readonly text: string }[],
  cuts: ReadonlyMap<number, Cut>,
  wanted: number,
  needed: string,
): RetrievalSet {
  if (cuts.size === 0) {
    throw new Error(
      `held-out: none of ${documents.length} passages has ${needed}; give longer passages or lower these limits.`,
    );
  }
  if (new Set(documents.map(({ id }) => id)).size !== documents.length) {
    throw new Error(
      `held-out: two of ${documents.length} passages have the same id, expected distinct ids; number them.`,
    );
  }
  const corpus = documents.map(({ id, text }, at) => ({ id, text: cuts.get(at)?.rest ?? text }));
  const queries: Query[] = [];
  const qrels = new Map<string, Map<string, number>>();
  for (const [at, { sentence }] of [...cuts].sort(([a], [b]) => a - b)) {
    const { id } = documents[at];
    queries.push({ id: `${id}#cut`, text: sentence });
    qrels.set(`${id}#cut`, new Map([[id, 1]]));
  }
  const warnings =
    cuts.size < wanted ? [`held-out: ${cuts.size} queries instead of ${wanted}: no more passages have ${needed}.`] : [];
  return { name: 'held-out', corpus, queries, qrels, warnings };
}
