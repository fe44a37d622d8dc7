// Files and folders on disk: written whole or not at all, read with errors that name them.
export * from './atomic.js';
export * from './open.js';
