// Arrays of more than 2^24 cells on gpu.js without a GPU.
import t from 'tap';
import { testLarge } from './parity.js';

testLarge(t, ['gpu:cpu', 'gpu:webasm']);
