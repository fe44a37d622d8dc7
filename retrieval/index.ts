// The package `retromae/retrieval`: BM25, encoding, exact search, metrics; sets and indexes on disk.
export * from './pure.js';
export { loadBeir } from './beir.js';
export { loadIndex, saveIndex } from './index-file.js';
