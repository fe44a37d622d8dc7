// The contracts that kernels rest on: sources that gpu.js can read, the members of gpu.js in use, WebGPU's limits.
import t from 'tap';
import { compileStage, compileWgsl, flatArray, ranksOf, type Mode } from '../../kernels/gpu/compile.js';
import type { Kernel, Stage } from '../../kernels/kernel.js';
import { library } from './cases.js';

const stages: [Kernel, Stage][] = [...library.values()].flatMap((kernel) =>
  kernel.stages.map((stage): [Kernel, Stage] => [kernel, stage]),
);
const nameOf = ([kernel, stage]: [Kernel, Stage]) => `${kernel.name}.${stage.out}`;

void t.test('sources are plain functions that the bundler has left alone', (t) => {
  for (const entry of stages)
    for (const source of [entry[1].cell, ...(entry[1].calls ?? [])].map(String)) {
      t.match(source, /^function\b/, `${nameOf(entry)} is a function`);
      t.notMatch(source, /__name/, `${nameOf(entry)} has no __name`);
      t.notMatch(source.slice('function'.length), /=>|\bfunction\b/, `${nameOf(entry)} has no function inside`);
    }
  t.end();
});

void t.test('WebGPU: every stage becomes a shader with a known frame and at most 8 storage buffers', (t) => {
  for (const entry of stages) {
    const { compiledSource, paramsLayout, workgroupSize } = compileWgsl(...entry);
    const name = nameOf(entry);
    const [kernel, stage] = entry;
    const ranks = stage.reads.map((read) => ranksOf(kernel)[read]);
    const buffers = compiledSource.match(/var<storage/g)?.length ?? 0;
    t.ok(buffers >= 1 && buffers <= 8, `${name} binds ${buffers} storage buffers`);
    t.same(
      [...paramsLayout.arrayArgs, ...paramsLayout.scalarArgs].map(({ index }) => index).sort((a, b) => a - b),
      ranks.map((_, i) => i),
      `${name}: every operand has a place`,
    );
    t.ok(
      paramsLayout.arrayArgs.every(({ index, dimsOffset }) => ranks[index] > 0 && dimsOffset % 16 === 0) &&
        paramsLayout.scalarArgs.every(({ index, offset }) => ranks[index] === 0 && offset % 4 === 0),
      `${name}: the places are aligned`,
    );
    t.ok(paramsLayout.byteLength <= 256, `${name}: the uniform fits its slot`);
    const flat = ranksOf(kernel)[stage.out] === 1;
    t.same([...workgroupSize], flat ? [64, 1, 1] : [8, 8, 1], `${name}: workgroup`);
    t.ok(compiledSource.includes('fn main(@builtin(global_invocation_id) gid : vec3<u32>) {'), `${name}: entry point`);
    t.notMatch(compiledSource, /LOOP_MAX : i32 = 1000;/, `${name}: loops do not end early`);
  }
  t.end();
});

for (const mode of ['cpu', 'webasm'] as const satisfies Mode[])
  void t.test(`gpu.js in mode ${mode} compiles every stage and runs no other mode`, (t) => {
    for (const entry of stages) {
      const compiled = compileStage(mode, ...entry);
      const cell = new Float32Array(1);
      const nested = [1, cell, [cell], [[cell]]];
      const ranks = entry[1].reads.map((read) => ranksOf(entry[0])[read]);
      const values = ranks.map((rank) =>
        mode === 'cpu' || rank === 0 ? nested[rank] : flatArray(cell, new Array<number>(rank).fill(1)),
      );
      compiled.build(...values);
      t.ok(compiled.run(...values), nameOf(entry));
      t.equal(compiled.constructor.mode, mode, `${nameOf(entry)}: mode`);
    }
    t.end();
  });
