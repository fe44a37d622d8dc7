// Independent cropping, as Contriever (Izacard et al., 2022, arXiv 2112.09118, sections 3.1 and 3.2) has it, with the other
// texts of the batch as negatives.
//
// Two spans of a text, each of a random length of 10 to 50 % of it at a random place: they may overlap. z, z' their vectors.
//   S[i][j] = cos(z_i, z'_j) / 0.05;   L = mean over texts i of -log softmax(S[i])[i].
import { defineContrastive } from '../contrastive.js';
import { similarityOptions, symmetric } from '../info-nce.js';
import { number, option } from '../options.js';
import { crops } from '../pairs.js';
import { representOptions } from '../representing.js';

const part = number('a number above 0 and at most 1', (value) => value > 0 && value <= 1);

export const crop = defineContrastive({
  name: 'crop',
  title: 'Independent cropping',
  summary: 'two spans of a text find each other among those of others',
  paper: 'https://arxiv.org/abs/2112.09118',
  options: {
    ...similarityOptions,
    symmetric,
    ...representOptions,
    cropLeast: option(0.1, part, 'shortest span, as a share of its text'),
    cropMost: option(0.5, part, 'longest span, as a share of its text'),
  },
  contradiction: ({ cropLeast, cropMost }) =>
    cropLeast > cropMost ? { option: 'cropLeast', wanted: `at most that of the longest span, ${cropMost}` } : undefined,
  pair: (passage, random, { cropLeast, cropMost }) => crops(passage, random, { least: cropLeast, most: cropMost }),
  among: 'across',
  samples: [
    { temperature: 0.3 },
    { cropLeast: 0.5, cropMost: 1, similarity: 'dot', temperature: 8, symmetric: true },
    { represent: 'dupmae', keptWords: 5, wordActivation: 'raw', similarity: 'dot', temperature: 20 },
  ],
});
