// Memory stands still on the reference and on our own engine.
import t from 'tap';
import { testSteady } from './steady.js';

testSteady(t, ['reference64', 'reference', 'wasm']);
