// The two streams of enhanced decoding, drawn for one sentence and one of its rows: the batch is that of examples/04-masks.js.
import { Random } from '../../core/index.js';
import { WordPiece } from '../../data/index.js';
import { Collator, toPadded } from '../../retromae/index.js';
import { framed, MARGIN, PALETTE, WIDTH } from '../../train/report/chart-frame.js';
import { escapeMarkup } from '../../train/report/markup.js';

const sentence = 'the committee shall report to the house within thirty days';
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
/** The word whose row is drawn. */
const WORD = 'committee';

const LEFT = 104;
const BOX = 26;
const [TEXT, ENCODER, QUERIES, CONTEXT] = [0, 48, 120, 220];

export function streamsPicture(): string {
  const tokenizer = WordPiece.fromVocab([...special, ...new Set(sentence.split(' '))]);
  const collator = new Collator({ tokenizer, maxLength: 32, encoderMask: 0.3, decoderMask: 0.5 });
  const batch = collator.collate([tokenizer.encode(sentence)], () => new Random(7));
  const { input_ids, encoder_input_ids, decoder_visible } = toPadded(batch, tokenizer.pad);
  const names = Array.from(input_ids[0], (id) => tokenizer.token(id));
  const read = Array.from(encoder_input_ids[0], (id) => tokenizer.token(id));
  const chosen = names.indexOf(WORD);
  const sees = Array.from(decoder_visible![0][chosen], Boolean);

  const wide = (WIDTH - LEFT - MARGIN) / names.length;
  const centre = (i: number) => LEFT + (i + 0.5) * wide;
  const text = (i: number, y: number, what: string, more = '') =>
    `<text x="${centre(i).toFixed(1)}" y="${y + BOX / 2}" dy="0.35em" font-size="10"${more}>${escapeMarkup(what)}</text>`;
  const box = (i: number, y: number, what: string, { strong = false, faint = false } = {}) =>
    `<g${faint ? ' opacity="0.35"' : ''}><rect x="${(centre(i) - wide / 2 + 2).toFixed(1)}" y="${y}" width="${(wide - 4).toFixed(1)}" height="${BOX}" rx="4" fill="${PALETTE[0]}" fill-opacity="${strong ? 0.35 : 0}" stroke="currentColor" stroke-opacity="0.5"/>${text(i, y, what)}</g>`;
  const label = (y: number, what: string) =>
    `<text x="${MARGIN}" y="${y + BOX / 2}" dy="0.35em" text-anchor="start">${escapeMarkup(what)}</text>`;
  const line = (x1: number, y1: number, x2: number, y2: number, color = 'currentColor') =>
    `<line x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}" stroke="${color}" stroke-width="1.5" stroke-opacity="0.8"/>`;

  const draw = (top: number) =>
    `<g transform="translate(0,${top})">${[
      label(TEXT, 'text'),
      ...names.map((name, i) => text(i, TEXT, name)),
      label(ENCODER, 'encoder reads'),
      ...read.map((name, i) => box(i, ENCODER, name === '[MASK]' ? '?' : name, { strong: i === 0 })),
      `<text x="${centre(0).toFixed(1)}" y="${ENCODER + BOX + 16}" font-style="italic">h</text>`,
      text(chosen, QUERIES - 22, `rebuilds "${WORD}"`, ' font-style="italic"'),
      label(QUERIES, 'queries H₁'),
      ...names.map((_, i) => box(i, QUERIES, `h + p${subscript(i)}`, { strong: i === chosen, faint: i !== chosen })),
      label((QUERIES + CONTEXT) / 2, 'its row of M'),
      label(CONTEXT, 'context H₂'),
      ...names.map((name, i) => box(i, CONTEXT, i === 0 ? 'h' : name, { strong: sees[i], faint: !sees[i] })),
      ...names.flatMap((_, i) =>
        sees[i] ? [line(centre(chosen), QUERIES + BOX, centre(i), CONTEXT, PALETTE[0])] : [],
      ),
    ].join('\n')}</g>`;
  return framed(
    {
      title: `The two streams, and what the row of "${WORD}" sees`,
      subtitle:
        'A query knows the sentence vector h and its position; of the context it sees what its row of M lets through.',
      description: `The encoder reads: ${read.join(' ')}. The query at "${WORD}" sees the sentence vector, ${names.filter((_, i) => sees[i] && i > 0).join(', ')}.`,
      height: CONTEXT + BOX + MARGIN,
    },
    draw,
  );
}

const subscript = (n: number): string => String(n).replace(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'[Number(digit)]);
