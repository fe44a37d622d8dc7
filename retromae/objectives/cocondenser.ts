// coCondenser (Gao and Callan, 2022, arXiv 2108.05540; luyug/Condenser).
//
// Two spans of each document, 2B in all, masked; Condenser's loss on each; and between all of them, from their vectors h:
//   S[i][j] = h_i . h_j;   L_co = mean over spans i of -log softmax over j != i of S[i] at the other span of i's document.
// L = L_head + L_late + L_co. (Section 3.2)
//
// Spans are blocks of the document; those of a document of one block are its halves.
import { defineContrastive, join } from '../contrastive.js';
import { similarityOptions } from '../info-nce.js';
import { relatives } from '../pairs.js';
import { condenser } from './condenser.js';

const paper = 'https://arxiv.org/abs/2108.05540';

/** L_co by itself. */
const spans = defineContrastive({
  name: 'spans',
  title: 'Spans of a document',
  summary: 'spans of one document find each other among those of others',
  paper,
  options: {
    similarity: { ...similarityOptions.similarity, preset: 'dot' },
    temperature: { ...similarityOptions.temperature, preset: 1 },
  },
  pair: relatives,
  among: 'all',
  samples: [{}],
});

export const cocondenser = join(condenser, spans, {
  name: 'cocondenser',
  title: 'coCondenser',
  summary: 'Condenser, and spans of one document find each other among those of others',
  paper,
  samples: [{}, { contrastWeight: 0.3, similarity: 'cosine', temperature: 0.1, headLayers: 1 }],
});
