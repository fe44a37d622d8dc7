// Which of many runs is on, and how long the rest will take.
import { formatDuration, type Job } from '../train/index.js';

export class RunCounter {
  private readonly started = performance.now();
  private total = 0;
  private before = 0;
  private begun = 0;

  /** @param minutes of a run, where that is known before one was measured */
  constructor(private readonly minutes?: number) {}

  /** @param left those of the jobs that are not done. @returns the number of all runs that train */
  planned(jobs: readonly Job[], left: readonly Job[]): { total: number; done: number } {
    const runs = (some: readonly Job[]) => some.filter(({ entry }) => entry).length;
    this.total = runs(jobs);
    this.before = this.begun = this.total - runs(left);
    return { total: this.total, done: this.before };
  }

  /** A run begins: what there is to say of it. */
  next({ label, seed }: Job): string {
    this.begun++;
    const measured = this.begun - 1 - this.before;
    const passed = (performance.now() - this.started) / 1000;
    const each = this.minutes ? 60 * this.minutes : measured > 0 ? passed / measured : undefined;
    const left = each && `about ${formatDuration(each * (this.total - this.begun + 1))} left`;
    return `\n${this.begun} of ${this.total}: ${label}, seed ${seed}; ${left ?? 'begun'}.`;
  }

  /** Whether the run that began last is the first of this process. */
  get isFirst(): boolean {
    return this.begun === this.before + 1;
  }
}
