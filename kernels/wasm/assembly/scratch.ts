// Memory that belongs to one thread: every thread has its own instance of this module, hence its own copy of these globals.
export let scratch: usize = 0;
export let scratchBytes: usize = 0;

/** Called once by each thread, before its first kernel. */
export function setScratch(ptr: usize, bytes: usize): void {
  scratch = ptr;
  scratchBytes = bytes;
}
