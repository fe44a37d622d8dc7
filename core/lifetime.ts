// Who owns memory: a scope holds one reference, the tape holds one per save, and the last to let go gives it back.
//
// Users write scopes for meaning (a step, an evaluation, an encode), never for memory. Buffers made outside of every
// scope (parameters, results) belong to their tensors; the garbage collector gives them back.
import type { Backend, Storage } from '../kernels/index.js';

const net = new FinalizationRegistry<Storage>((storage) => storage.backend.free(storage));

/** Memory of a backend with a count of those that hold it. */
export class Buffer {
  private references = 0;
  private freed = false;
  /** The scope that held it last; undefined once it is the garbage collector's. */
  private owner: Scope | undefined;

  private constructor(readonly storage: Storage) {}

  /** Allocates in the given scope (default the innermost). Contents are `data`, then zeros; without, anything. */
  static allocate(backend: Backend, cells: number, data?: ArrayLike<number>, scope = current): Buffer {
    const buffer = new Buffer(backend.alloc(cells, data));
    buffer.adopt(scope);
    return buffer;
  }

  get alive(): boolean {
    return !this.freed;
  }

  /** Whether a single holder is left, who may then write to it. Memory from outside of scopes belongs to users: never. */
  get exclusive(): boolean {
    return this.references === 1 && this.owner !== undefined;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    this.references--;
    if (this.references > 0 || this.owner === undefined) return;
    this.freed = true;
    this.storage.backend.free(this.storage);
  }

  /** Hands the buffer to a scope, or with undefined to the garbage collector. */
  adopt(scope: Scope | undefined): void {
    const former = this.owner;
    this.owner = scope;
    if (scope) {
      this.retain();
      scope.buffers.add(this);
    } else net.register(this, this.storage);
    if (former) {
      former.buffers.delete(this);
      this.release();
    }
  }
}

/** What the tape keeps for one operation; `drop` lets go of it. */
export interface Recorded {
  readonly parents: readonly (Recorded | undefined)[];
  drop(): void;
}

class Scope {
  readonly buffers = new Set<Buffer>();
  readonly records = new Set<Recorded>();
  constructor(readonly parent: Scope | undefined) {}
}

let current: Scope | undefined;

/** The outermost open scope: where copies of a batch live, so that inner scopes do not make them again. */
export function outermostScope(): Scope | undefined {
  let scope = current;
  while (scope?.parent) scope = scope.parent;
  return scope;
}

/** Remembers a tape entry in the innermost scope. */
export function record(entry: Recorded): void {
  current?.records.add(entry);
}

/** What of a result lives on: called by `scope` on everything that the function returned. */
export interface Escaping {
  readonly buffer: Buffer;
  readonly record: Recorded | undefined;
}

const isEscaping = (value: object): value is Escaping => 'buffer' in value && value.buffer instanceof Buffer;

/** Tensors in a result: itself, or in arrays, maps and plain objects. */
function* tensorsIn(value: unknown): Generator<Escaping> {
  if (typeof value !== 'object' || value === null) return;
  if (isEscaping(value)) yield value;
  else if (Array.isArray(value) || value instanceof Map) for (const item of value.values()) yield* tensorsIn(item);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) yield* tensorsIn(item);
}

/**
 * Runs `work` and frees everything that was made in it, but for the tensors in its result and what their gradients need.
 * @throws if `work` is asynchronous: a scope ends when the function returns.
 */
export function scope<T>(work: () => T): T {
  const own = new Scope(current);
  current = own;
  try {
    const result = work();
    if (result instanceof Promise)
      throw new Error('scope: the function is asynchronous. Launch in the scope, await its result outside.');
    escape(own, result);
    return result;
  } finally {
    current = own.parent;
    for (const entry of own.records) entry.drop();
    for (const buffer of own.buffers) buffer.release();
    own.buffers.clear();
  }
}

function escape(own: Scope, result: unknown): void {
  const pending: Recorded[] = [];
  for (const { buffer, record: entry } of tensorsIn(result)) {
    if (own.buffers.has(buffer)) buffer.adopt(own.parent);
    if (entry) pending.push(entry);
  }
  for (let entry = pending.pop(); entry; entry = pending.pop()) {
    if (!own.records.delete(entry)) continue;
    own.parent?.records.add(entry);
    for (const parent of entry.parents) if (parent) pending.push(parent);
  }
}
