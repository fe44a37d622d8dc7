// The table of settings: every row is a default that is allowed, a flag with its help, and a line of run.json.
import t from 'tap';
import { flagsOf, helpText } from '../../cli/flags.js';
import { flagOf } from '../../data/index.js';
import { objectiveNamed, objectiveNames, type Option } from '../../retromae/index.js';
import { ownSettings, pretrainSettings, settingRows, settingsThat } from '../../train/index.js';

const optionsOf = (name: (typeof objectiveNames)[number]) =>
  Object.entries<Option<unknown>>({ ...objectiveNamed(name).options });

void t.test('every row is a flag', async (t) => {
  const help = helpText('usage', flagsOf(settingRows));
  for (const [name, { preset, rule, help: line }] of Object.entries(settingRows)) {
    t.ok(rule.holds(preset), `the default of ${name}`);
    const flag = rule.type === 'boolean' ? `--[no-]${flagOf(name).slice(2)}` : flagOf(name);
    t.ok(help.includes(`  ${flag} `) && help.includes(line), `${flag} is in --help`);
  }
  t.same(
    settingsThat((row) => row.anew),
    ['maxUnknown', 'recompute', 'backend', 'threads', 'workers', 'saveEvery', 'saveMinutes', 'keep'],
  );
});

void t.test('an option of an objective is no setting of all runs, and means one thing in all objectives', async (t) => {
  const run = Object.keys(pretrainSettings({ objective: 'mlm' })).filter((name) => name !== 'encoderMask');
  for (const objective of objectiveNames)
    for (const [name, { rule, help }] of optionsOf(objective)) {
      t.notOk(run.includes(name), `${objective}: ${name}`);
      t.equal(rule.wanted, settingRows[name].rule.wanted, `${objective}: ${name} takes what the flag takes`);
      t.ok(settingRows[name].help.startsWith(help));
      t.notOk(['help', 'resume', 'config', 'json', 'list'].includes(name), 'flags of the command');
    }
});

void t.test('a run has the options of its objective, and no others', async (t) => {
  for (const objective of objectiveNames) {
    const settings = pretrainSettings({ objective });
    const own = optionsOf(objective).map(([name]) => name);
    const others = objectiveNames.flatMap((other) => optionsOf(other).map(([name]) => name));
    for (const name of others) t.equal(name in settings, own.includes(name), `${objective}: ${name}`);
    t.same(pretrainSettings(ownSettings({ ...settings, objective })), settings, 'what run.json says comes back');
  }
  t.throws(
    () => pretrainSettings({ objective: 'mlm', bowWeight: 1 }),
    /--bow-weight is 1, but --objective mlm has no such option \(it is one of dupmae\)\. Leave it out/,
  );
  const nope = JSON.parse('{ "objective": "nope" }') as object;
  t.throws(() => pretrainSettings(ownSettings(nope)), /--objective is "nope"; it must be one of/);
  t.same(
    pretrainSettings({ objective: 'mlm', bowWeight: 0.1 }),
    pretrainSettings({ objective: 'mlm' }),
    'at its default',
  );
});

void t.test(
  'an encoder may have more positions than pre-training needs, and those of a folder are its own',
  async (t) => {
    t.equal(pretrainSettings({ seq: 80, positions: 320 }).positions, 320);
    t.throws(() => pretrainSettings({ seq: 80, positions: 79 }), /--positions is 79; it must be at least --seq 80/);
    t.throws(() => pretrainSettings({ positions: 320, init: 'folder' }), /--positions is 320; .*--init has its own/);
  },
);
