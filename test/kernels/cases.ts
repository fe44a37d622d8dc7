// The test table of all kernels: which shapes each one is tried on, and values that make sense to it.
import * as kernels from '../../kernels/library/index.js';
import type { Kernel } from '../../kernels/kernel.js';
import type { Case, Recipe } from './case.js';
import { attentionRecipes } from './cases-attention.js';
import { flatRecipes } from './cases-flat.js';
import { lossRecipes } from './cases-loss.js';
import { movementRecipes } from './cases-movement.js';
import { normRecipes } from './cases-norm.js';
import { rowRecipes } from './cases-rows.js';

/** Every kernel of the library by its name. */
export const library: ReadonlyMap<string, Kernel> = new Map(
  Object.values(kernels as unknown as Record<string, Kernel>).map((kernel) => [kernel.name, kernel]),
);

export const recipes: readonly Recipe[] = [
  ...flatRecipes,
  ...movementRecipes,
  ...rowRecipes,
  ...normRecipes,
  ...attentionRecipes,
  ...lossRecipes,
];

/** All cases of all kernels, with values from `seed`. */
export const allCases = (seed = 1): Case[] => recipes.flatMap((entry) => entry.table(seed));
