// Lets the contenders take turns, step by step, on the same batches.
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer } from './peer.js';
import type { Entry } from './peers.js';
import type { Answer, Job, Ready } from './protocol.js';

/** What a contender did in all its rounds, or why it did not. */
export interface Course {
  name: string;
  variant: string;
  about?: Ready;
  /** From the start of the process to the end of the first step. */
  startMs?: number;
  /** One a round; each round is of the same batch for all. */
  answers: Answer[];
  /** Why there are fewer answers than rounds. */
  failure?: string;
}

/** Steps before the rounds: the first, at the start, and one more. */
export const WARM_UP = 2;

/** Before each turn: the threads of whoever was last have gone to sleep by then. */
const PAUSE_MS = 100;

/**
 * Starts everybody, one after the other, then lets them take turns for `rounds` rounds.
 * @param job but for what makes the contender: its variant
 * @param between called in the pause before each step of a round
 * @param signal ends everybody
 * @throws the signal's reason
 */
export async function conduct(
  entries: readonly Entry[],
  job: Omit<Job, 'variant'>,
  rounds: number,
  between: (name: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Course[]> {
  const running: { course: Course; peer: Peer }[] = [];
  const courses: Course[] = [];
  try {
    for (const { name, variant, program } of entries) {
      const course: Course = { name, variant, answers: [] };
      courses.push(course);
      const start = performance.now();
      await attempt(course, signal, async () => {
        const { peer, about } = await Peer.start(name, program, { ...job, variant }, signal);
        running.push({ course, peer });
        course.about = about;
        await peer.step(0);
        course.startMs = performance.now() - start;
      });
    }
    for (let n = 1; n < WARM_UP + rounds; n++) {
      // Whoever comes after a memory-hungry one is slower for it, so the order changes.
      for (let i = 0; i < running.length; i++) {
        const { course, peer } = running[(i + n) % running.length];
        if (course.failure) continue;
        await sleep(PAUSE_MS);
        if (n >= WARM_UP) between(course.name);
        await attempt(course, signal, async () => {
          const answer = await peer.step(n);
          if (n >= WARM_UP) course.answers.push(answer);
        });
      }
    }
    return courses;
  } finally {
    for (const { peer } of running) await peer.close();
  }
}

async function attempt(course: Course, signal: AbortSignal | undefined, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    signal?.throwIfAborted();
    course.failure = (error as Error).message;
  }
}
