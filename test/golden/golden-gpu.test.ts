// Golden numbers from PyTorch hold on what gpu.js compiles.
import t from 'tap';
import { testGolden } from './on-backends.js';

testGolden(t, ['gpu:cpu', 'gpu:webasm']);
