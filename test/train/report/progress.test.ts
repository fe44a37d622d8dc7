// The line that a person sees, on a terminal and in a log; numbers for people; smoothing and thinning.
import fc from 'fast-check';
import t from 'tap';
import { formatCount, formatDuration, formatLoss, formatQuantity, formatShare } from '../../../train/report/format.js';
import { PlannedTime } from '../../../train/report/pace.js';
import { Progress, Ticker } from '../../../train/report/progress.js';
import type { StepRecord } from '../../../train/report/records.js';
import { Smooth, smoothed, thinned, type Point } from '../../../train/report/series.js';

class Recorder {
  text = '';
  constructor(readonly columns?: number) {}
  write(text: string): void {
    this.text += text;
  }
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/** What a terminal shows of a text: "\r" goes back to the start of the line, and what is there is written over. */
function screen(text: string): string[] {
  return text.split('\n').map((line) => {
    const cells: string[] = [];
    for (const part of line.split('\r')) [...part].forEach((character, i) => (cells[i] = character));
    return cells.join('').trimEnd();
  });
}

const record = (step: number, more: Partial<StepRecord> = {}): StepRecord => ({
  step,
  loss: 14.2,
  encoder: 6.812,
  decoder: 7.4012,
  accuracy: 0.123,
  decoderAccuracy: 0.1,
  gradientNorm: 1.84,
  lr: 1e-4,
  tokens: 7600,
  seconds: 0.5,
  tokensPerSecond: 15200,
  elapsed: 0.5 * step,
  ...more,
});

void t.test('formats', (t) => {
  for (const [seconds, text] of [
    [0, '0:00'],
    [7.4, '0:07'],
    [59.6, '1:00'],
    [754, '12:34'],
    [3723, '1:02:03'],
    [3599.7, '1:00:00'],
    [86400 * 2 + 3 * 3600 + 240, '2 d 3:04 h'],
    [NaN, '?'],
    [Infinity, '?'],
    [-1, '?'],
  ] as const)
    t.equal(formatDuration(seconds), text);
  for (const [value, text] of [
    [0, '0'],
    [7, '7'],
    [0.523, '0.52'],
    [812.4, '812'],
    [999.7, '1.00k'],
    [15234, '15.2k'],
    [1234567, '1.23M'],
    [999999, '1.00M'],
    [2.5e9, '2.50B'],
    [-1500, '-1.50k'],
    [NaN, '?'],
  ] as const)
    t.equal(formatQuantity(value), text);
  for (const [value, text] of [
    [6.8124, '6.812'],
    [0, '0.000'],
    [123.45, '123.5'],
    [1234567, '1.2e+6'],
    [0.00012, '1.2e-4'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ] as const)
    t.equal(formatLoss(value), text);
  t.equal(formatShare(0.1234), '12.3 %');
  t.equal(formatCount(1234567), '1,234,567');
  t.end();
});

void t.test('training: what the line says', (t) => {
  const stream = new Recorder();
  const progress = new Progress(stream, { total: 2000, isTTY: false, now: () => 0 });
  progress.update(record(120));
  t.equal(
    stream.text,
    'step  120/2000    6 %  encoder 6.812  decoder 7.401  accuracy 12.3 %  gradient 1.840  15.2k tokens/s  15:40 left\n',
  );
  t.notMatch(stream.text, 'bow');
  const waiting = new Recorder();
  new Progress(waiting, { total: 9, isTTY: false }).update(record(9, { dataSeconds: 0.0026 }));
  t.match(waiting.text, '  15.2k tokens/s  data wait 0.5 %  0:00 left');
  const mlm = new Recorder();
  new Progress(mlm, { total: 9, isTTY: false }).update(record(9, { decoder: undefined, bow: 5.5, encoder: NaN }));
  t.match(mlm.text, /^step 9\/9 {2}100 % {2}encoder NaN {2}bow 5\.500 {2}acc/);
  t.match(mlm.text, /0:00 left\n$/);
  t.end();
});

void t.test('training: losses are averaged, time left counts what lies between steps', (t) => {
  const stream = new Recorder();
  let clock = 0;
  const progress = new Progress(stream, { total: 200, isTTY: false, now: () => clock });
  // A run that goes on at step 100: half a second a step, and a probe of 10 s before each.
  for (let step = 101; step <= 110; step++) {
    clock = 10.5 * (step - 100);
    progress.update(record(step, { encoder: step % 2 ? 4 : 6, elapsed: clock }));
  }
  const last = stream.lines.at(-1) ?? '';
  const encoder = Number(/encoder (\S+)/.exec(last)?.[1]);
  t.ok(encoder > 4.8 && encoder < 5.2, `averaged: ${encoder}`);
  const pace = (105 - (10.5 - 0.5)) / 10;
  t.ok(last.endsWith(`${formatDuration(90 * pace)} left`), last);
  t.end();
});

void t.test('without a terminal: first, last, and every 5 % or 10 s', (t) => {
  const fast = new Recorder();
  const progress = new Progress(fast, { total: 1000, isTTY: false, now: () => 0 });
  for (let step = 1; step <= 1000; step++) progress.update(record(step));
  progress.done();
  t.equal(fast.lines.length, 21);
  t.match(fast.lines[0], /^step {4}1\/1000/);
  t.match(fast.lines[20], /^step 1000\/1000/);
  t.notMatch(fast.text, '\r');

  const slow = new Recorder();
  let clock = 0;
  const other = new Progress(slow, { total: 1e6, isTTY: false, now: () => clock });
  for (let step = 1; step <= 31; step++, clock++) other.update(record(step));
  t.equal(slow.lines.length, 4, 'at 0, 10, 20 and 30 s');
  other.update(record(32));
  other.note('saved');
  other.done();
  other.done();
  t.equal(slow.lines.length, 6);
  t.equal(slow.lines[4], 'saved');
  t.match(slow.lines[5], /^step {6}32\//, 'the last step of a run that was stopped');
  t.end();
});

void t.test('on a terminal: one line, cut to the width, rewritten in full', (t) => {
  const stream = new Recorder(60);
  let clock = 0;
  const progress = new Progress(stream, { total: 1000, isTTY: true, now: () => clock });
  progress.update(record(1, { encoder: 1234.5 }));
  clock = 1;
  progress.update(record(2, { encoder: 1 }));
  progress.update(record(3));
  t.equal(stream.text.split('\r').length, 2, 'not redrawn faster than the eye follows');
  for (const line of screen(stream.text)) t.ok(line.length <= 59);
  progress.note('checkpoint saved');
  progress.done();
  const shown = screen(stream.text);
  t.equal(shown.length, 3);
  t.equal(shown[0], 'checkpoint saved');
  t.match(shown[1], /^step {4}3\/1000 {4}0 % {2}encoder \S+ {2}8:19 left$/);
  t.equal(shown[2], '');
  t.end();
});

void t.test('on a narrow terminal: what matters most; where the width is 0, nobody knows it', (t) => {
  const shown = (columns: number | undefined): string => {
    const stream = new Recorder(columns);
    new Progress(stream, { total: 1000, isTTY: true, now: () => 0 }).update(record(500));
    return stream.text;
  };
  t.equal(
    shown(200),
    'step  500/1000   50 %  encoder 6.812  decoder 7.401  accuracy 12.3 %  gradient 1.840  15.2k tokens/s  4:10 left',
  );
  const usual = 'step  500/1000   50 %  encoder 6.812  decoder 7.401  15.2k tokens/s  4:10 left';
  for (const columns of [80, 0, undefined, NaN]) t.equal(shown(columns), usual);
  t.equal(shown(60), 'step  500/1000   50 %  encoder 6.812  4:10 left');
  t.equal(shown(30), 'step  500/1000  4:10 left');
  t.equal(shown(20), 'step  500/1000');
  t.equal(shown(8), 'step  …');
  for (let columns = 1; columns < 200; columns++) t.ok(shown(columns).length < Math.max(2, columns));
  t.end();
});

void t.test('time left follows the pace of the last two minutes', (t) => {
  const stream = new Recorder();
  let elapsed = 0;
  // A clock so fast that every step is shown.
  const progress = new Progress(stream, { total: 2000, isTTY: false, now: () => 1000 * elapsed });
  for (let step = 1; step <= 1000; step++) progress.update(record(step, { seconds: 0.5, elapsed: (elapsed += 0.5) }));
  t.match(stream.lines.at(-1), /8:20 left$/);
  for (let step = 1001; step <= 1200; step++) progress.update(record(step, { seconds: 1, elapsed: (elapsed += 1) }));
  t.match(stream.lines.at(-1), /13:20 left$/, '800 steps of a second');
  t.end();
});

void t.test('a run of so many minutes says when it will take others, and not again before that has changed', (t) => {
  const told = (seconds: (step: number) => number, from = 0): [step: number, line: string][] => {
    const planned = new PlannedTime({ minutes: 9, steps: 1080, from });
    const lines: [number, string][] = [];
    for (let step = from + 1, elapsed = 0; step <= 1080; step++) {
      const line = planned.add({ step, seconds: seconds(step), elapsed: (elapsed += seconds(step)) });
      if (line) lines.push([step, line]);
    }
    return lines;
  };
  t.same(
    told(() => 0.5),
    [],
    'as planned',
  );
  t.same(
    told(() => 0.6),
    [],
    'nearly',
  );
  t.same(
    told((step) => (step === 5 ? 9 : 0.5)),
    [],
    'one slow step',
  );
  t.same(
    told(() => 0.7),
    [[78, 'Steps take 1.4 times as long as planned: 13 minutes in all instead of 9.']],
  );
  t.same(
    told(() => 0.25),
    [[216, 'Steps take 0.5 times as long as planned: 4.5 minutes in all instead of 9.']],
  );
  const busy = told((step) => (step < 300 ? 0.5 : 1));
  t.ok(busy.length >= 1 && busy.length <= 2 && busy[0][0] > 300, JSON.stringify(busy));
  t.match(
    told(() => 1, 540),
    [[594, /2\.0 times as long as planned: 14 minutes in all instead of 9/]],
  );
  t.end();
});

void t.test('on a terminal: nothing of a longer line stays', (t) => {
  const stream = new Recorder(200);
  let clock = 0;
  const ticker = new Ticker(stream, { what: 'texts', isTTY: true, now: () => clock });
  clock = 1;
  ticker.update(1000000);
  clock = 2;
  ticker.update(1);
  ticker.done();
  t.same(screen(stream.text), ['texts 1  0.50/s', '']);
  t.end();
});

void t.test('work with a count', (t) => {
  const stream = new Recorder();
  let clock = 100;
  const ticker = new Ticker(stream, { what: 'texts', total: 5183, isTTY: false, now: () => clock });
  clock = 102;
  ticker.update(1200);
  t.equal(stream.text, 'texts 1,200/5,183   23 %  600/s  0:07 left\n');
  ticker.note('a note');
  clock = 110;
  ticker.update(5183);
  ticker.done();
  t.equal(stream.lines.length, 3);
  t.match(stream.lines[2], /^texts 5,183\/5,183 {2}100 % {2}518\/s {2}0:00 left$/);
  t.end();
});

void t.test('the stream itself says whether it is a terminal', (t) => {
  const stream = Object.assign(new Recorder(), { isTTY: true });
  const ticker = new Ticker(stream, { what: 'texts' });
  ticker.update(1);
  t.notMatch(stream.text, '\n');
  ticker.done();
  t.match(stream.text, /\n$/);
  t.end();
});

void t.test('moving averages', (t) => {
  const average = new Smooth(20);
  t.ok(Number.isNaN(average.value));
  t.equal(average.add(5), 5, 'no bias towards zero');
  t.equal(average.add(NaN), 5);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1 }),
      fc.integer({ min: 1, max: 50 }),
      (values, horizon) => {
        const smooth = new Smooth(horizon);
        values.forEach((value) => smooth.add(value));
        const keep = 1 - 1 / horizon;
        const weights = values.map((_, i) => (values.length - 1 - i === 0 ? 1 : keep ** (values.length - 1 - i)));
        const expected =
          values.reduce((sum, value, i) => sum + value * weights[i], 0) / weights.reduce((a, b) => a + b);
        return Math.abs(smooth.value - expected) < 1e-9;
      },
    ),
  );
  const line = Array.from({ length: 600 }, (_, i): Point => [i, 3 * i + 1]);
  const smooth = smoothed(line);
  t.equal(smooth.length, 600);
  for (let i = 0; i < 590; i++)
    t.ok(Math.abs(smooth[i][1] - line[i][1]) < 1e-9, 'a centred mean leaves a line as it is');
  t.equal(smooth[599][1], 3 * 594 + 1, 'the last is the mean of the last eleven');
  t.end();
});

void t.test('thinning keeps both ends, the extremes and the order', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true }), { minLength: 2, maxLength: 500 }),
      fc.integer({ min: 4, max: 100 }),
      (ys, limit) => {
        const points = ys.map((y, x): Point => [x, y]);
        const kept = thinned(points, limit);
        t.ok(kept.length <= Math.max(limit, 4));
        t.equal(kept[0], points[0]);
        t.equal(kept.at(-1), points.at(-1));
        t.ok(kept.every(([x], i) => i === 0 || x > kept[i - 1][0]));
        t.equal(Math.max(...kept.map(([, y]) => y)), Math.max(...ys));
        t.equal(Math.min(...kept.map(([, y]) => y)), Math.min(...ys));
      },
    ),
    { numRuns: 60 },
  );
  t.end();
});
