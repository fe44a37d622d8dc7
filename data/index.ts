// The package `retromae/data`: text in, token ids out; corpora, tokenizers and other files on disk.
export * from './pure.js';
export { Corpus, documents } from './corpus.js';
export type { CorpusOptions, CorpusReport } from './corpus.js';
export * from './files/index.js';
export { JsonFields } from './json-fields.js';
export { hasSplit, loadBeir, loadOtherSplit, loadQrels, loadRetrievalSet, type SetPaths } from './load-set.js';
export { idExamples, type IdExampleOptions, type IdPaths } from './id-examples.js';
export { trainingExamples, type TrainingExample } from './training-examples.js';
export { textLines } from './read/open.js';
export { isReadOnce } from './read/source.js';
export { SPLITS, type Split } from './read/texts.js';
export { sotu } from './sotu.js';
export { loadTokenizer, saveTokenizer } from './tokenizer-files.js';
