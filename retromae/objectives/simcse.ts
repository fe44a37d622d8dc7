// Unsupervised SimCSE (Gao et al., 2021, arXiv 2104.08821; princeton-nlp/SimCSE).
//
// Each text twice: dropout makes two vectors of it, z and z'.
//   S[i][j] = cos(z_i, z'_j) / 0.05;   L = mean over texts i of -log softmax(S[i])[i]. (Section 3, equation 4)
// z = tanh(W h + b), a layer that is thrown away after training (section 6.3), or z = h.
// Without dropout the two are one, and there is next to nothing to learn.
import type { Random, Tensor } from '../../core/index.js';
import { Linear, type BertConfig } from '../../nn/index.js';
import { defineContrastive } from '../contrastive.js';
import { similarityOptions, symmetric } from '../info-nce.js';
import { option, yesOrNo } from '../options.js';
import { twice } from '../pairs.js';

interface Projection {
  readonly mlp?: { readonly dense: Linear };
}

const projection = ({ hidden_size: width, initializer_range }: BertConfig, random: Random): Projection => ({
  mlp: { dense: new Linear(width, width, random, initializer_range) },
});

export const simcse = defineContrastive({
  name: 'simcse',
  title: 'SimCSE',
  summary: 'a text, seen twice through dropout, finds itself among others',
  paper: 'https://arxiv.org/abs/2104.08821',
  options: {
    ...similarityOptions,
    symmetric,
    projected: option(true, yesOrNo, 'compare tanh of a layer over the vectors, instead of the vectors'),
  },
  pair: twice,
  among: 'across',
  head: (config, random, { projected }): Projection => (projected ? projection(config, random) : {}),
  project: (h: Tensor, { mlp }) => (mlp ? mlp.dense.forward(h).tanh() : h),
  samples: [{ temperature: 0.3 }, { projected: false, similarity: 'dot', temperature: 8, symmetric: true }],
});
