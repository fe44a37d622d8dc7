// What a run needs before its first step: settings that hold together, a vocabulary, the corpus as tokens, a model.
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Random } from '../core/index.js';
import {
  countText,
  countTokens,
  documents,
  documentText,
  flagOf,
  isReadOnce,
  isThere,
  loadTokenizer,
  noCounts,
  OptionError,
  packSentences,
  sotu,
  trainWordPiece,
} from '../data/index.js';
import type { Corpus, DataCounts, Document, NormalizerOptions, WordPiece } from '../data/index.js';
import { bertConfig, initWords, type BertConfig } from '../nn/index.js';
import type { BatchRecipe } from './batch-recipe.js';
import { configOf, initialise, loadStatic, tokenizerOf, wordWeightsOf } from '../hub/index.js';
import { objectiveNamed, PretrainModel } from '../retromae/index.js';
import { formatCount } from './report/format.js';
import { schedule } from './schedule.js';
import { BUILT_IN, objectiveOptions, pretrainSettings, type PretrainSettings } from './settings.js';
import { TokenFile } from './token-file.js';
import { writeTokens, type TokenisedDocument } from './token-writer.js';

/** The stream of random numbers for initial weights, apart from those of the batches. */
const WEIGHTS = 0;
/** That of what --init-words draws beside the words. */
const WORDS = 4;
/** Milliseconds of work between two looks at what else has happened: a signal, for instance. */
const PATIENCE = 50;

export interface Observer {
  message?(text: string): void;
  signal?: AbortSignal;
}

/**
 * Completes the settings of a new run, with the dimensions of `init` where that is given.
 * @throws if one is wrong, or contradicts another or the folder to start from
 */
export async function newSettings(given: Partial<PretrainSettings>): Promise<PretrainSettings> {
  const settings = pretrainSettings(given);
  await schedule(settings, settings.steps ?? 1);
  const { init, initWords: words } = settings;
  if (words !== undefined) {
    const { dim } = (await loadStatic(words)).model;
    if (given.hidden !== undefined && given.hidden !== dim)
      throw new Error(
        `${flagOf('hidden')} is ${given.hidden}, but the words in --init-words ${words} have ${dim} numbers. Leave it out.`,
      );
    return pretrainSettings({ ...settings, hidden: dim });
  }
  if (!init) return settings;
  const config = await configOf(init);
  const found = {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    heads: config.num_attention_heads,
    ffn: config.intermediate_size,
    seq: Math.min(given.seq ?? settings.seq, config.max_position_embeddings),
  };
  for (const [name, value] of Object.entries(found) as [keyof typeof found, number][])
    // A width of 0 says "as usual", which the folder knows better.
    if (given[name] && given[name] !== value)
      throw new Error(
        `${flagOf(name)} is ${given[name]}, but the model in --init ${init} has ${value}. Leave it out, or begin without --init.`,
      );
  // Once more: options may not go together with what was found.
  return pretrainSettings({ ...settings, ...found });
}

/** What of a corpus is not a document. */
type LeftOut = Pick<DataCounts, 'leftOut' | 'taken'>;

/**
 * The documents that a setting names, one by one, the title of each before its text, as it will be searched; aborting
 * ends them, and is heard, while they are worked on.
 * @returns what was left out, and what was taken for a document
 */
export async function* corpusDocuments(
  { corpus, field, split, maxBadLines }: CorpusSettings,
  { message, signal }: Observer = {},
  flag = flagOf('corpus'),
): AsyncGenerator<Document, LeftOut> {
  if (corpus !== BUILT_IN && (await isReadOnce(corpus)))
    throw new Error(
      `${flag} ${corpus} can be read only once (standard input, or a pipe), but training reads its corpus again and again. Write it to a file, and give that.`,
    );
  const source =
    corpus === BUILT_IN ? await sotu() : documents(corpus, { field, split, maxBadLines, onWarning: message });
  let looked = performance.now();
  for await (const document of source) {
    yield corpus === BUILT_IN ? document : { ...document, text: documentText(document) };
    if (performance.now() - looked < PATIENCE) continue;
    await setImmediate();
    signal?.throwIfAborted();
    looked = performance.now();
  }
  return 'report' in source ? leftOut(source) : { leftOut: {}, taken: [] };
}

const leftOut = ({ report }: Corpus): LeftOut => ({
  leftOut: Object.fromEntries(report.leftOut),
  taken: [...report.taken],
});

/** The vocabulary that the settings name; undefined if it is to be learnt. @throws if it cannot be trained with */
export async function givenVocabulary(settings: PretrainSettings): Promise<WordPiece | undefined> {
  const { vocab, init, initWords: words } = settings;
  if (words !== undefined && vocab !== undefined)
    throw new Error(`${flagOf('vocab')} is given, but the words are those of --init-words ${words}. Leave it out.`);
  if (words !== undefined) return (await loadStatic(words)).tokenizer;
  const path = vocab ?? init;
  if (!path) return undefined;
  const tokenizer = await foldedAsAsked(path, settings);
  // The collator knows what a vocabulary must have.
  objectiveNamed(settings.objective).collator(objectiveOptions(settings), { tokenizer, maxLength: settings.seq });
  const size = init ? (await configOf(init)).vocab_size : tokenizer.size;
  if (tokenizer.size > size)
    throw new Error(
      `${path}: the vocabulary has ${tokenizer.size} tokens, but the model in --init ${init} has ${size}. Give the vocabulary of this very model.`,
    );
  return tokenizer;
}

/** How a corpus is read. */
export type CorpusSettings = Pick<PretrainSettings, 'corpus' | 'field' | 'split' | 'maxBadLines'>;
/** How words are folded, and which of them are learnt. */
export type VocabularySettings = Pick<PretrainSettings, 'vocabSize' | 'alphabetCoverage' | 'lowercase' | 'accents'>;

/** How words are folded, as far as the settings say it. */
const folding = ({
  lowercase,
  accents,
}: Pick<VocabularySettings, 'lowercase' | 'accents'>): Partial<NormalizerOptions> => ({
  ...(lowercase !== undefined && { lowercase }),
  ...(accents !== undefined && { stripAccents: accents === 'auto' ? null : accents === 'strip' }),
});

/**
 * A given vocabulary: a vocab.txt without anything beside it says nothing of how words are folded, and so the settings do.
 * @throws if a tokenizer that does say it says otherwise
 */
export async function foldedAsAsked(
  path: string,
  settings: Pick<PretrainSettings, 'vocab' | 'lowercase' | 'accents'>,
): Promise<WordPiece> {
  const asked = folding(settings);
  const isBare = extname(path) === '.txt' && !(await isThere(join(dirname(path), 'tokenizer_config.json')));
  const tokenizer = path === settings.vocab ? await loadTokenizer(path, isBare ? asked : {}) : await tokenizerOf(path);
  const found = tokenizer.options;
  const strips = ({ lowercase, stripAccents }: NormalizerOptions): boolean => stripAccents ?? lowercase;
  const wanted = { ...found, ...asked };
  const [name, what] =
    wanted.lowercase !== found.lowercase
      ? (['lowercase', found.lowercase ? 'folds case' : 'keeps case'] as const)
      : (['accents', strips(found) ? 'strips accents' : 'keeps accents'] as const);
  if (wanted.lowercase !== found.lowercase || strips(wanted) !== strips(found))
    throw new Error(
      `${flagOf(name)} is ${settings[name]}, but the tokenizer in ${path} ${what}. Leave it out, or learn a vocabulary.`,
    );
  return tokenizer;
}

/** The vocabulary that the settings name, or one that is learnt from the corpus. */
export const vocabulary = async (settings: PretrainSettings, observer: Observer): Promise<WordPiece> =>
  (await givenVocabulary(settings)) ?? (await learntVocabulary(settings, corpusTexts(settings, observer), observer));

async function* corpusTexts(settings: CorpusSettings, { signal }: Observer): AsyncGenerator<string> {
  for await (const { text } of corpusDocuments(settings, { signal })) yield text;
}

/** A vocabulary of the words of texts. */
export async function learntVocabulary(
  settings: VocabularySettings,
  texts: AsyncIterable<string>,
  { message }: Observer,
): Promise<WordPiece> {
  const started = performance.now();
  const { vocabSize, alphabetCoverage: coverage } = settings;
  const options = { vocabSize, ...(coverage !== undefined && { coverage }), ...folding(settings) };
  const tokenizer = await trainWordPiece(texts, options).catch((error: unknown) => {
    throw error instanceof OptionError ? error.renamed({ coverage: 'alphabetCoverage' }) : error;
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  message?.(`Learnt a vocabulary of ${formatCount(tokenizer.size)} words in ${seconds} s.`);
  return tokenizer;
}

/** The corpus as blocks of token ids in the folder of the run. They are made once, so that a resumed run finds them. */
export async function tokenise(
  settings: CorpusSettings & Pick<PretrainSettings, 'out' | 'words' | 'seq'>,
  tokenizer: WordPiece,
  observer: Observer,
): Promise<TokenFile> {
  const dir = tokensDir(settings);
  const counts: DataCounts = { ...noCounts(), blocks: 0 };
  const { words, seq } = settings;
  function* blocks(text: string) {
    for (const block of packSentences(text, tokenizer, { maxTokens: seq - 2, words })) {
      countTokens(counts, block.ids, tokenizer.unk);
      counts.blocks!++;
      yield block;
    }
  }
  async function* tokenised(): AsyncGenerator<TokenisedDocument> {
    const source = corpusDocuments(settings, observer);
    for (let next = await source.next(); ; next = await source.next()) {
      if (next.done) return void Object.assign(counts, next.value);
      const { text, title = '' } = next.value;
      countText(counts, text, [], tokenizer);
      yield { title: tokenizer.encode(title), blocks: blocks(text) };
    }
  }
  await writeTokens(dir, tokenizer, tokenised(), { words: words === 'segmented', counts: () => counts });
  return TokenFile.open(dir);
}

/** What `tokenise` made; undefined if it was not, or did not come to its end. */
export async function openTokens(settings: Pick<PretrainSettings, 'out'>): Promise<TokenFile | undefined> {
  const dir = tokensDir(settings);
  return existsSync(dir) ? TokenFile.open(dir) : undefined;
}

export const tokensDir = ({ out }: Pick<PretrainSettings, 'out'>): string => join(out, 'tokens');

/** What the batches of a run are made of. */
export const recipeOf = (settings: PretrainSettings): BatchRecipe => ({
  tokens: tokensDir(settings),
  objective: settings.objective,
  options: objectiveOptions(settings),
  maxLength: settings.seq,
  size: settings.batch,
  seed: settings.seed,
});

/**
 * A model with the dimensions of the settings, or with those and the weights of the folder to start from.
 * @param checkpoint a folder whose weights will replace all of them, so that only its dimensions are taken
 */
export async function newModel(
  settings: PretrainSettings,
  tokenizer: WordPiece,
  { message }: Observer,
  checkpoint?: string,
): Promise<PretrainModel> {
  const {
    init,
    initWords: words,
    layers,
    hidden,
    heads,
    ffn,
    seq,
    positions = seq,
    dropout,
    initRange,
    seed,
    objective,
    recompute,
  } = settings;
  const folder = checkpoint ?? init;
  const dimensions = folder
    ? await configOf(folder)
    : bertConfig({
        vocab_size: tokenizer.size,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: ffn || 4 * hidden,
        max_position_embeddings: positions,
        initializer_range: initRange,
        pad_token_id: tokenizer.pad,
      });
  const config = { ...dimensions, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout };
  const model = allocate(config, () => {
    const options = objectiveOptions(settings);
    return new PretrainModel(objectiveNamed(objective), config, new Random(seed, WEIGHTS), options, recompute);
  });
  if (words !== undefined) await initWords(model, (await loadStatic(words)).model, new Random(seed, WORDS));
  const weights = init && (await wordWeightsOf(init));
  if (weights) Object.assign(model, { word_weights: weights });
  if (checkpoint) return model;
  if (init) (await initialise(model, init)).forEach((note) => message?.(note));
  model.begin();
  return model;
}

function allocate(config: BertConfig, make: () => PretrainModel): PretrainModel {
  try {
    return make();
  } catch (error) {
    // An array longer than the engine allows; a backend that is out of memory says so itself.
    if (!(error instanceof RangeError)) throw error;
    const { num_hidden_layers: layers, hidden_size: hidden, intermediate_size: ffn, vocab_size: words } = config;
    throw new Error(
      `a model with ${layers} layers, hidden size ${hidden}, ffn ${ffn} and ${words} words does not fit into memory. Lower --hidden, --ffn or --layers.`,
      { cause: error },
    );
  }
}
