// How fast a run is lately, and what that means for the time that was planned.

/** The pace is told of so many seconds, and of so many steps at least. */
const STRETCH_SECONDS = 120;
const STRETCH_STEPS = 20;
/** Seconds between two moments that are remembered. */
const MARK_SECONDS = 1;

/** Seconds a step over the latest stretch, with the probes and checkpoints that lie in it. */
export class Pace {
  private readonly marks: { step: number; elapsed: number }[] = [];

  add({
    step,
    elapsed,
    seconds,
  }: {
    /** Steps done. */
    step: number;
    /** Seconds since any moment. */
    elapsed: number;
    /** Of this step, from which on time is counted if it is the first. */
    seconds: number;
  }): number {
    const { marks } = this;
    if (marks.length === 0) marks.push({ step: step - 1, elapsed: elapsed - seconds });
    while (marks.length > 1 && elapsed - marks[1].elapsed >= STRETCH_SECONDS && step - marks[1].step >= STRETCH_STEPS)
      marks.shift();
    const [first] = marks;
    if (elapsed - marks[marks.length - 1].elapsed >= MARK_SECONDS) marks.push({ step, elapsed });
    return (elapsed - first.elapsed) / (step - first.step);
  }
}

/** From so many times as long as last told on, it is told anew. */
const NEWS = 1.25;
/** Not before so many steps and such a share of the time planned: one slow step says nothing. */
const SEEN_STEPS = 20;
const SEEN_SHARE = 0.1;

/** Says when a run, whose steps were made to fill a time, will take another. */
export class PlannedTime {
  private readonly pace = new Pace();
  private told = 1;

  /** @param plan minutes and steps of the whole run, and the step where this process begins */
  constructor(private readonly plan: { minutes: number; steps: number; from: number }) {}

  /** A line if there is news. `elapsed` is in seconds from the beginning of this process. */
  add(record: { step: number; elapsed: number; seconds: number }): string | undefined {
    const { minutes, steps, from } = this.plan;
    const { step, elapsed } = record;
    const pace = this.pace.add(record);
    const times = (pace * steps) / (60 * minutes);
    const inAll = minutes * (from / steps) + (elapsed + pace * (steps - step)) / 60;
    const early = step - from < SEEN_STEPS || elapsed < SEEN_SHARE * 60 * minutes;
    const change = inAll / minutes / this.told;
    if (early || (change < NEWS && change > 1 / NEWS)) return undefined;
    this.told = inAll / minutes;
    return `Steps take ${times.toFixed(1)} times as long as planned: ${shown(inAll)} minutes in all instead of ${shown(minutes)}.`;
  }
}

const shown = (minutes: number): string => String(Number(minutes.toPrecision(minutes < 100 ? 2 : 3)));
