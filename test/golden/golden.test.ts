// Golden numbers from PyTorch hold on the reference and on our own engine.
import t from 'tap';
import { testGolden } from './on-backends.js';

testGolden(t, ['reference64', 'reference', 'wasm']);
