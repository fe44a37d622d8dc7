// Arrays of more than 2^24 cells on our own WebAssembly engine.
import t from 'tap';
import { testLarge } from './parity.js';

testLarge(t, ['wasm']);
