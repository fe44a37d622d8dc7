// Every kernel gives the same numbers on our own WebAssembly engine.
import t from 'tap';
import { testParity } from './parity.js';

testParity(t, ['wasm']);
