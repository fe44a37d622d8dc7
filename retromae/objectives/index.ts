// The objectives. A new one is a file here and a line.
export { mlm } from './mlm.js';
export { retromae, type Decoder } from './retromae.js';
export { dupmae } from './dupmae.js';
