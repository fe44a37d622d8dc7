// Negatives that a run mines as it learns: what a search with the same weights finds, never an answer, and the same bits
// wherever the run is broken off and whoever makes its batches.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setBackend } from '../../core/index.js';
import {
  finetune,
  resumeFinetune,
  vectorSteps,
  type FinetuneHooks,
  type FinetuneSettings,
  type MinedRecord,
} from '../../finetune/index.js';
import { ExampleFile } from '../../finetune/example-file.js';
import { readNegatives } from '../../finetune/negatives-file.js';
import { loadStatic } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { FlatIndex, ModelEncoder } from '../../retrieval/index.js';
import { RunLog } from '../../train/index.js';
import { jsonLines, paragraphs } from '../cli/support.js';

setBackend(new ReferenceBackend());

const dir = t.testdir({});
const beir = join(dir, 'beir');
const words = join(dir, 'words');
const LAST = /\S+\.$/;
/** Documents d0 .. d39; d40 says nearly what d0 says. Queries q0 .. q11 are sentences of theirs, q12 is d12 itself. */
const texts = paragraphs(40, 2);
const documents = [...texts, texts[0].replace(LAST, 'otherwise.')];
const asked = [...texts.slice(0, 12).map((text) => text.split('. ')[1]), texts[12]];
/** q12 is answered by what comes after it. */
const answerOf = (query: number): number => (query === 12 ? 13 : query);
/** Documents that are no negatives. */
const answers = (query: number): number[] => ({ 0: [0, 40], 12: [12, 13] })[query] ?? [query];

mkdirSync(join(beir, 'qrels'), { recursive: true });
writeFileSync(join(beir, 'corpus.jsonl'), jsonLines(documents.map((text, i) => ({ _id: `d${i}`, title: '', text }))));
writeFileSync(join(beir, 'queries.jsonl'), jsonLines(asked.map((text, i) => ({ _id: `q${i}`, text }))));
const judged = asked.map((_, i) => `q${i}\td${answerOf(i)}\t1\n`).join('');
writeFileSync(join(beir, 'qrels', 'train.tsv'), `query-id\tcorpus-id\tscore\n${judged}`);

/** Two batches an epoch, eight steps, in stretches of three. */
const settings: Partial<FinetuneSettings> = {
  ...{ examples: beir, method: 'ance', model: words, seq: 128, batch: 7, steps: 8, workers: 0, saveEvery: 2, keep: 9 },
  ...{ mineEvery: 3, mineRanks: '1-3', negatives: 3, evalEvery: 0, lr: '0.02', accumulate: 1 },
};
const folderOf = (name: string): string => join(dir, name);
const negativesIn = (out: string): string[] => readdirSync(join(out, 'negatives')).sort();
const fileOf = (out: string, step: number): string => join(out, 'negatives', `step-0000000${step}.bin`);
const bits = (out: string): string => readFileSync(join(out, 'model.safetensors')).toString('base64');
const losses = async (out: string) => (await RunLog.read(out)).steps.map(({ loss }) => loss);

const unbroken = folderOf('unbroken');
const mined: MinedRecord[] = [];
const said: string[] = [];

t.before(async () => {
  const own = { seq: 128, vocabSize: 150, width: 16, batch: 8, steps: 4, workers: 0, evalEvery: 0 };
  await finetune({ ...own, corpus: join(beir, 'corpus.jsonl'), out: words });
  const hooks: FinetuneHooks = { mined: (record) => mined.push(record), message: (line) => said.push(line) };
  await finetune({ ...settings, out: unbroken }, hooks);
});

/** The number in a file of examples of every text, and back. */
async function numbered(
  out: string,
): Promise<{ file: ExampleFile; query: Map<number, number>; doc: Map<number, number> }> {
  const file = await ExampleFile.open(join(out, 'tokens'));
  const { tokenizer } = file.texts;
  const find = (all: readonly string[], numbers: readonly number[], most: number): Map<number, number> => {
    const places = new Map(all.map((text, i) => [[...tokenizer.encode(text)].slice(0, most).join(), i]));
    return new Map(numbers.map((number) => [number, places.get(Array.from(file.idsOf(number)).join())!]));
  };
  return { file, query: find(asked, [...file.queries.keys()], 62), doc: find(documents, file.passages, 126) };
}

/** The documents of all queries that a model folder ranks, best first. */
async function searched(model: string): Promise<number[][]> {
  const { model: text, tokenizer } = await loadStatic(model);
  const steps = vectorSteps({ similarity: 'cosine' });
  const encode = (all: string[], maxLength: number) =>
    new ModelEncoder(text, tokenizer, { maxLength, steps }).encode(all);
  const ids = documents.map((_, i) => String(i));
  const index = new FlatIndex(ids, await encode(documents, 128), text.dim, { similarity: 'cosine' });
  return index.search(await encode(asked, 64), documents.length).map((hits) => hits.map(({ id }) => Number(id)));
}

void t.test('what is mined is what a search with the same weights gives; an answer never', async (t) => {
  const { file, query, doc } = await numbered(unbroken);
  t.teardown(() => file.close());
  t.equal(query.size, asked.length);
  t.same(
    [...doc.values()].sort((a, b) => a - b),
    documents.map((_, i) => i),
  );
  t.same(
    mined.map(({ seconds, ...record }) => ({ ...record, filled: record.filled > 0, found: 0, seconds: seconds > 0 })),
    [0, 3, 6].map((step) => ({
      ...{ step, queries: 13, passages: 41, negatives: 39, filled: true, found: 0, seconds: true },
    })),
  );
  let differing = 0;
  const former = new Map<number, string>();
  for (const step of [0, 3, 6]) {
    const ranked = await searched(step === 0 ? words : join(unbroken, 'checkpoints', `step-0000000${step}`));
    let [found, filled] = [0, 0];
    for (const [number, negatives] of await readNegatives(fileOf(unbroken, step), file)) {
      const place = query.get(number)!;
      const wanted = ranked[place].slice(0, 3).filter((id) => !answers(place).includes(id));
      const got = Array.from(negatives, (text) => doc.get(text)!);
      t.same(got.slice(0, wanted.length), wanted, `q${place} at step ${step}`);
      t.equal(new Set(got).size, 3);
      for (const id of got) t.notOk(answers(place).includes(id), `d${id} is no negative of q${place}`);
      for (const id of got.slice(wanted.length)) t.notOk(ranked[place].slice(0, 3).includes(id), 'fills up');
      found += Number(ranked[place][0] === answerOf(place));
      filled += 3 - wanted.length;
      differing += Number((former.get(place) ?? got.join()) !== got.join());
      former.set(place, got.join());
    }
    t.match(
      mined.find((record) => record.step === step),
      { found, filled },
    );
  }
  t.ok(differing > 0, 'as the model learns, it finds others');
  const first = mined[0];
  t.ok(
    said.some((line) => line.startsWith('Negatives are mined among 41 passages, at ranks 1-3, every 3 steps.')),
    said.join('\n'),
  );
  const line = `; the passage is found first by ${first.found} of 13 queries.`;
  t.ok(said.some((text) => text.startsWith('Mined 39 negatives at step 0 in ') && text.endsWith(line)));
});

void t.test('batches are of what was mined, and know what is no negative in them', async (t) => {
  const { file, doc, query } = await numbered(unbroken);
  t.teardown(() => file.close());
  file.mined = await readNegatives(fileOf(unbroken, 6), file);
  for (let i = 0; i < file.length; i++) {
    const example = file.at(i)!;
    const random = { below: () => 0, shuffle: () => undefined } as unknown as Parameters<ExampleFile['group']>[1];
    const { keys, isKnown } = file.group(example, random, 3);
    const negatives = Array.from(file.mined.get(example.query)!, (text) => file.keyOf(text));
    t.same(keys.slice(1), negatives);
    const place = query.get(example.query)!;
    const known = [...doc].filter(([text]) => isKnown(file.keyOf(text))).map(([, id]) => id);
    t.same(
      known.sort((a, b) => a - b),
      answers(place),
      `q${place}`,
    );
  }
});

void t.test('the last files are kept, as many as checkpoints, two at least', async (t) => {
  t.same(negativesIn(unbroken), ['step-00000000.bin', 'step-00000003.bin', 'step-00000006.bin']);
  const out = folderOf('kept');
  await finetune({ ...settings, keep: 1, out });
  t.same(negativesIn(out), ['step-00000003.bin', 'step-00000006.bin']);
  t.equal(bits(out), bits(unbroken));
});

void t.test('the same bits from workers', async (t) => {
  const out = folderOf('workers');
  await finetune({ ...settings, workers: 2, out });
  t.equal(bits(out), bits(unbroken));
  t.same(await losses(out), await losses(unbroken));
});

const crash = new Error('killed');
/** Ways to end a run: what is given is asked to abort it, the others throw, as a kill. */
const ends: Record<string, (abort: () => void) => FinetuneHooks> = {
  'within a stretch': (abort) => ({ step: ({ step }) => step === 5 && abort() }),
  'where one ends, before anything is mined': (abort) => ({ step: ({ step }) => step === 3 && abort() }),
  'while it mines': (abort) => {
    let isDue = false;
    return {
      step: ({ step }) => void (isDue = step === 3),
      model: (text) => {
        const { encode } = text;
        text.encode = function (...args) {
          if (isDue) abort();
          return encode.apply(this, args);
        };
      },
    };
  },
  'while it mines for the first time': (abort) => ({
    model: (text) => {
      const { encode } = text;
      text.encode = function (...args) {
        abort();
        return encode.apply(this, args);
      };
    },
  }),
  'when it has mined': (abort) => ({ mined: ({ step }) => step === 3 && abort() }),
  'killed when it has mined': () => ({
    mined: ({ step }) => {
      if (step === 3) throw crash;
    },
  }),
  'killed within a stretch': () => ({
    step: ({ step }) => {
      if (step === 5) throw crash;
    },
  }),
};

for (const [name, hooksOf] of Object.entries(ends))
  void t.test(`broken off ${name}, and resumed: the same bits`, async (t) => {
    const out = folderOf(name);
    const controller = new AbortController();
    const hooks = { ...hooksOf(() => controller.abort()), signal: controller.signal };
    const run = finetune({ ...settings, out }, hooks);
    if (name.startsWith('killed')) await t.rejects(run, crash);
    else t.equal((await run).interrupted, true);
    const again: MinedRecord[] = [];
    await resumeFinetune(out, {}, { mined: (record) => again.push(record) });
    t.equal(bits(out), bits(unbroken));
    t.same(await losses(out), await losses(unbroken));
    // What was mined is not mined again.
    const had = { 'while it mines for the first time': [0, 3, 6], 'while it mines': [3, 6] }[name];
    const steps = had ?? (name.startsWith('where') ? [3, 6] : [6]);
    t.same(
      again.map(({ step }) => step),
      steps,
    );
  });

void t.test('going on from before what was mined, it is mined again', async (t) => {
  const out = folderOf('before');
  cpSync(unbroken, out, { recursive: true });
  for (const step of [3, 4, 6, 8]) rmSync(join(out, 'checkpoints', `step-0000000${step}`), { recursive: true });
  // What another run might have found here: were it read, the bits would be others.
  cpSync(fileOf(out, 0), fileOf(out, 3));
  await resumeFinetune(out, { steps: 8 });
  t.equal(bits(out), bits(unbroken));
});

/** The run, broken off after step 5. */
async function brokenOff(t: Test, name: string): Promise<string> {
  const out = folderOf(name);
  const controller = new AbortController();
  const { step } = await finetune(
    { ...settings, out },
    { signal: controller.signal, step: (record) => record.step === 5 && controller.abort() },
  );
  t.equal(step, 5);
  return out;
}

void t.test('a file that is gone or damaged is told of', async (t) => {
  const out = await brokenOff(t, 'damaged');
  const path = fileOf(out, 3);
  const whole = readFileSync(path);
  truncateSync(path, whole.length - 4);
  await t.rejects(resumeFinetune(out), {
    message: /step-00000003\.bin: is not what was written, expected negatives of 13/,
  });
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  await t.rejects(resumeFinetune(out), { message: /is not what was written/ });
  rmSync(path);
  await t.rejects(resumeFinetune(out), {
    message: /step-00000003\.bin: is not there, but the steps from 3 to 6 learn/,
  });
  writeFileSync(path, whole);
  await resumeFinetune(out);
  t.equal(bits(out), bits(unbroken), 'put back');
});

void t.test('of a file all texts are ranked, and those of a corpus beside it', async (t) => {
  const examples = join(dir, 'examples.jsonl');
  const rows = asked.slice(0, 8).map((query, i) => ({
    ...{ query, pos: [texts[i]], neg: [texts[i + 20]], pos_scores: [2], neg_scores: [1] },
  }));
  writeFileSync(examples, jsonLines(rows));
  const passagesOf = async (more: object): Promise<number> => {
    const records: MinedRecord[] = [];
    const out = join(dir, `from-file-${Object.keys(more).length}`);
    const { model } = await finetune(
      { ...settings, mineEvery: undefined, examples, steps: 3, ...more, out },
      { mined: (record) => records.push(record) },
    );
    t.ok(model);
    t.same(
      records.map(({ step }) => step),
      [0, 2],
      'an epoch is 2 steps',
    );
    t.ok((await losses(out)).every((loss) => Number.isFinite(loss)));
    return records[0].passages;
  };
  t.equal(await passagesOf({}), 16);
  t.equal(await passagesOf({ mineCorpus: join(beir, 'corpus.jsonl') }), 41);
});

void t.test('prompts make no two texts the same', async (t) => {
  const lines: string[] = [];
  const documentPrompt = `${texts.slice(25, 35).join(' ')} `;
  const prompts = { queryPrompt: 'the query: ', documentPrompt, seq: 2048 };
  await finetune(
    { ...settings, ...prompts, steps: 1, out: folderOf('prompted') },
    { message: (line) => lines.push(line) },
  );
  // d40, and q12, which is d12.
  t.ok(
    lines.some((line) => line.startsWith('2 documents say nearly what another one says')),
    lines.join('\n'),
  );
});

void t.test('refused', async (t) => {
  const out = folderOf('none');
  const refuse = async (given: object, said: RegExp): Promise<void> => {
    await t.rejects(
      Promise.resolve().then(() => finetune({ ...settings, ...given, out })),
      { message: said },
    );
    t.notOk(existsSync(out), 'no folder is left');
  };
  await refuse({ mineRanks: '42-50' }, /--mine-ranks is "42-50", but there are 41 passages to rank/);
  await refuse({ mineCorpus: beir }, /--mine-corpus is given, but the folder .*beir has a corpus of its own/);
  await refuse({ mineRanks: '5-3' }, /--mine-ranks is "5-3"; it must be two ranks/);
  await refuse({ mineEvery: 0 }, /--mine-every is 0; it must be an integer of at least 1/);
  await refuse({ negatives: 0 }, /--negatives is 0; it must be at least 1, as --method is ance/);
  await refuse({ method: 'dpr' }, /--mine-every is 3; it must be left out, as --method is not ance/);
  await refuse({ examples: undefined, corpus: beir }, /--method is "ance"; it must be dpr, as negatives are mined/);
  const lonely = join(dir, 'lonely.jsonl');
  writeFileSync(lonely, jsonLines([{ query: asked[0], pos: [texts[0]] }]));
  await refuse({ examples: lonely }, /every one of 1 passages answers every query, .* Give more with --mine-corpus/);
  await refuse({ examples: lonely, mineCorpus: '-' }, /^--mine-corpus - can be read only once/);
});
