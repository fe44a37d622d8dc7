// What of `retromae/data` needs no files: text in, token ids out. The browser gets this, and so do rooms without files.
export { SPECIAL_TOKENS } from './bert-tokens.js';
export type { SpecialNames, WordPieceOptions } from './bert-tokens.js';
export type { AddedToken } from './added-tokens.js';
export { documentText, type Document } from './document.js';
export { flagOf, OptionError, type Shown } from './option-error.js';
export { pack, packDocuments, packText } from './pack.js';
export type { Block, PackDocumentsOptions, PackOptions } from './pack.js';
export type { NormalizerOptions } from './pretokenize.js';
export type { Qrels, Query, RetrievalSet } from './retrieval-set.js';
export { sentenceSegments, splitSentences, wordCount } from './sentences.js';
export { packSequences, type PackedSequences } from './sequences.js';
export { countText, countTokens, isDataCounts, lostShares, noCounts, type DataCounts } from './summary.js';
export { toTokenizerConfig } from './tokenizer-config.js';
export { tokenizerFiles } from './tokenizer-folder.js';
export { toTokenizerJson } from './tokenizer-json.js';
export { trainWordPiece } from './train-wordpiece.js';
export type { Alphabet, TrainOptions, TrainProgress } from './train-wordpiece.js';
export { WordPiece } from './wordpiece.js';
