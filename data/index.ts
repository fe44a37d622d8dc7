// Text in, token ids out: WordPiece, corpora, sentences, packing.
export { SPECIAL_TOKENS } from './bert-tokens.js';
export type { AddedToken, WordPieceOptions } from './bert-tokens.js';
export { Corpus, documents } from './corpus.js';
export type { CorpusOptions, CorpusReport } from './corpus.js';
export type { Document } from './document.js';
export { pack, packDocuments, packText } from './pack.js';
export type { Block, PackDocumentsOptions, PackOptions } from './pack.js';
export type { NormalizerOptions } from './pretokenize.js';
export { splitSentences } from './sentences.js';
export { sotu } from './sotu.js';
export { loadTokenizer, saveTokenizer } from './tokenizer-files.js';
export { toTokenizerConfig, toTokenizerJson } from './tokenizer-json.js';
export { trainWordPiece } from './train-wordpiece.js';
export type { TrainOptions, TrainProgress } from './train-wordpiece.js';
export { WordPiece } from './wordpiece.js';
