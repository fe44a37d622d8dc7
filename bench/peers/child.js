// The side of a peer program of `npm run bench -- step`: the first line is the job, each further one asks for a step.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/**
 * Serves one job. `prepare(job, batches)` sets everything up and returns `{ name, version, threads, step }`, where
 * `step(batch, n)` does a step on a batch of the file (n counts from 0) and returns `{ loss }`, with whatever else is to
 * be answered. Whatever it throws is answered as the error.
 */
export async function serve(prepare) {
  try {
    let contender;
    for await (const line of createInterface({ input: process.stdin })) {
      const message = JSON.parse(line);
      if (contender === undefined) {
        const batches = JSON.parse(readFileSync(message.batches, 'utf8'));
        const { step, ...about } = await prepare(message, batches);
        contender = { step, batches };
        say({ ready: true, ...about });
        continue;
      }
      const batch = contender.batches[message.step % contender.batches.length];
      const start = performance.now();
      const answer = await contender.step(batch, message.step);
      const ms = performance.now() - start;
      say({ ms, rss: peakBytes(), ...answer });
    }
  } catch (error) {
    say({ error: String(error) });
    process.exitCode = 1;
  }
}

/** Most memory that was ever resident. getrusage alone would count the parent's, from before exec. */
function peakBytes() {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return 1024 * Number(kilobytes);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
}
