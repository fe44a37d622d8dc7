// The paper's figures, and verdicts against numbers made by hand.
import t from 'tap';
import { parseEntries } from '../../train/index.js';
import { paperTables, tableNames } from '../../finetune/reproduce/paper.js';
import { objectivesOf, tableNamed } from '../../finetune/reproduce/tables.js';
import { resultsOf, summaryOf, verdictOf, type Measured } from '../../finetune/reproduce/verdicts.js';
import type { SetScores } from '../../finetune/reproduce/scores.js';

void t.test("the paper's tables", async (t) => {
  const { columns, rows } = paperTables.table1;
  const average = rows.get('Average')!;
  t.equal(rows.size, 19);
  columns.forEach((method, i) => {
    const figures = [...rows.values()].slice(0, -1).map((row) => row[i]);
    t.equal((figures.reduce((a, b) => a + b) / 18).toFixed(3), average[i].toFixed(3), method);
  });
  for (const name of tableNames) {
    const table = paperTables[name];
    for (const [row, figures] of table.rows) t.equal(figures.length, table.columns.length, `${name}, ${row}`);
  }
  const { table2, table6 } = paperTables;
  // By this the heads of table 6 were found.
  for (const column of table6.columns) t.equal(table6.at('enhanced decoding', column), table2.at('RetroMAE', column));
  t.equal(paperTables.table4.at('coCondenser', 'R@10'), undefined);
  t.throws(() => table2.at('ELECTRA', 'MRR@10'), /no row ELECTRA/);
});

void t.test('what each table is', async (t) => {
  for (const name of tableNames)
    for (const labelled of [true, false]) {
      const { rows, claims, stages } = tableNamed(name, labelled);
      t.ok(parseEntries(objectivesOf(tableNamed(name, labelled))).length > 1, 'objectives that there are');
      t.ok(rows.every(({ stage }) => stages.includes(stage)));
      for (const { better, worse } of claims)
        for (const row of [better, worse])
          t.ok(
            rows.some((each) => each.name === row),
            `${name}: ${row}`,
          );
      // The paper's own figures must say what is asked.
      const figure = (row: string) => rows.find((each) => each.name === row)!.paper;
      for (const { better, worse } of claims)
        if (figure(better) !== undefined && figure(worse) !== undefined)
          t.ok(figure(better)! > figure(worse)!, `${name}: ${better}, ${worse}`);
    }
  t.equal(parseEntries(objectivesOf(tableNamed('table6', true))).length, 11);
  const some = tableNamed('table6', false, 'enhanced decoding; enhanced, decoder 90 %');
  t.equal(objectivesOf(some), 'retromae,retromae:decoder-mask=0.9');
  t.same(
    some.claims.map(({ worse }) => worse),
    ['enhanced, decoder 90 %'],
  );
  t.same(tableNamed('table3', true, 'BERT;RetroMAE').stages, ['dpr', 'ance']);
  t.throws(
    () => tableNamed('table1', false, 'BERT'),
    /--rows is "BERT", of which the paper compares no two\. .*RetroMAE with BERT/,
  );
  t.throws(
    () => tableNamed('table1', false, 'BERT;bert'),
    /--rows names "bert", which table1 has not\. .*BERT; SimCSE;/,
  );
  t.same(tableNamed('table3', true).stages, ['dpr', 'ance']);
  t.same(tableNamed('table2', false).stages, ['pairs']);
});

void t.test('verdicts', async (t) => {
  t.equal(verdictOf({ mean: 0.1, low: 0.01, high: 0.2 }), 'direction reproduced');
  t.equal(verdictOf({ mean: -0.1, low: -0.2, high: -0.01 }), 'not reproduced');
  t.equal(verdictOf({ mean: 0.1, low: 0, high: 0.2 }), 'undecided');
});

void t.test('results of made-up scores', async (t) => {
  const ids = Array.from({ length: 40 }, (_, i) => `q${i}`);
  /** Scores of which RetroMAE's are better by `by`, a little more for every other query. */
  const scores = (by: number): SetScores => ({
    big: Object.fromEntries(ids.map((id, i) => [id, same(0.3 + by + (i % 2) / 100)])),
    small: Object.fromEntries(ids.slice(0, 2).map((id) => [id, same(0.5 + by)])),
  });
  const same = (x: number) => ({ 'ndcg@10': x, 'mrr@10': x, 'recall@10': x, 'recall@100': x });
  const sets = ['big', 'small'].map((name) => ({ name, corpus: [], queries: [], qrels: new Map(), warnings: [] }));
  const measured = (by: readonly number[]): Measured => ({
    ...{ table: tableNamed('table4', true), sets },
    others: new Map([['BM25', scores(0.05)]]),
    runs: new Map([
      ['untrained', by.map(() => ({ dpr: scores(-2), ance: scores(-0.01) }))],
      ['cocondenser', by.map(() => ({ dpr: scores(-1), ance: scores(0) }))],
      ['retromae', by.map((each) => ({ dpr: scores(-1), ance: scores(each) }))],
    ]),
    met: { set: 'big', queries: new Set(['q0', 'q2']) },
  });
  const { systems, claims } = await resultsOf(measured([0.02, 0.04]));
  const near = (found: number, wanted: number, what?: string) =>
    t.ok(Math.abs(found - wanted) < 1e-9, what ?? `${found}`);
  const retromae = systems.find(({ name }) => name === 'RetroMAE')!;
  near(retromae.sets.big, 0.335);
  near(retromae.sets.small, 0.53);
  near(retromae.means['mrr@10'], (0.335 + 0.53) / 2, 'sets count the same, however many queries they have');
  near(retromae.met!.met, 0.33);
  near(retromae.met!.unmet, (20 * 0.34 + 18 * 0.33) / 38);
  near(retromae.gain!.mean, 0.04, 'over the untrained encoder after the same stage');
  near(retromae.gain!.low, 0.03);
  t.equal(systems.find(({ name }) => name === 'untrained')!.gain, undefined);
  near(claims[0].difference.mean, 0.03);
  near(claims[0].difference.low, 0.02, 'seeds are drawn: the interval is that of the seeds, as queries differ alike');
  near(claims[0].difference.high, 0.04);
  near(claims[0].paper!, 0.011);
  t.equal(summaryOf(claims), 'RetroMAE above coCondenser: direction reproduced.');
  t.equal((await resultsOf(measured([0.02, -0.04]))).claims[0].verdict, 'undecided');
  t.equal((await resultsOf(measured([-0.02, -0.04]))).claims[0].verdict, 'not reproduced');
  const several = summaryOf([...claims, ...(await resultsOf(measured([0.02, -0.04]))).claims]);
  t.equal(several, 'Of 2 directions of the paper 1 is reproduced, 0 are not, and 1 is undecided.');
});
