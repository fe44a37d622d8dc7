// The figures of the RetroMAE paper's tables (Xiao et al., 2022, arXiv 2205.12035), each row as it is printed there.
//
// Table 6 prints MRR@10, MRR@100, R@100, R@1000 above its columns, twice; but its rows for RetroMAE as it is are those of table 2,
// by which the columns are those that stand here.

export const tableNames = ['table1', 'table2', 'table3', 'table4', 'table5', 'table6'] as const;
export type TableName = (typeof tableNames)[number];

/** A table of the paper: by row and column, shares in 0 .. 1; undefined where it has none. */
export class PaperTable {
  readonly rows: ReadonlyMap<string, readonly number[]>;

  /** @param text a row a line, its name and then its figures */
  constructor(
    readonly columns: readonly string[],
    text: string,
  ) {
    this.rows = new Map(
      text
        .trim()
        .split('\n')
        .map((line) => {
          const [, name, figures] = /^\s*(.*?)((?:\s+(?:\.\d+|-))+)\s*$/.exec(line)!;
          return [name, figures.trim().split(/\s+/).map(Number)] as const;
        }),
    );
  }

  /** @throws if there is no such row or column */
  at(row: string, column: string): number | undefined {
    const figure = this.rows.get(row)?.[this.columns.indexOf(column)];
    if (figure === undefined) throw new Error(`the paper's table has no row ${row} with a column ${column}`);
    return Number.isNaN(figure) ? undefined : figure;
  }
}

const retrieval = 'MRR@10,MRR@100,R@10,R@100,R@1000,NQ R@10,NQ R@20,NQ R@30,NQ R@50,NQ R@100'.split(',');
const ablation = 'MRR@10,R@10,R@100,R@1000,NQ R@10,NQ R@30,NQ R@50,NQ R@100'.split(',');

export const paperTables: Readonly<Record<TableName, PaperTable>> = {
  /** nDCG@10 on BEIR, zero-shot. */
  table1: new PaperTable(
    ['BERT', 'RoBERTa', 'DeBERTa', 'LaPraDoR', 'SimCSE', 'DiffCSE', 'SEED', 'Condenser', 'RetroMAE'],
    `TREC-COVID    .615 .649 .688 .478 .460 .492 .627 .750 .772
     BioASQ        .253 .279 .290 .252 .263 .258 .308 .322 .421
     NFCorpus      .260 .243 .238 .310 .260 .259 .278 .277 .308
     NQ            .467 .413 .452 .454 .435 .412 .446 .486 .518
     HotpotQA      .488 .448 .474 .513 .502 .499 .541 .538 .635
     FiQA-2018     .252 .291 .299 .288 .250 .229 .259 .259 .316
     Signal-1M     .204 .229 .243 .241 .262 .260 .256 .261 .265
     TREC-NEWS     .362 .385 .378 .286 .356 .363 .358 .376 .428
     Robust04      .351 .384 .378 .299 .330 .343 .365 .349 .447
     ArguAna       .265 .395 .297 .499 .413 .468 .389 .298 .433
     Touche-2020   .259 .299 .271 .137 .159 .168 .225 .248 .237
     CQADupStack   .282 .278 .279 .309 .290 .305 .290 .347 .317
     Quora         .787 .509 .846 .837 .844 .850 .852 .853 .847
     DBPedia       .314 .275 .271 .334 .314 .303 .330 .339 .390
     SCIDOCS       .113 .111 .106 .150 .124 .125 .124 .133 .150
     FEVER         .682 .683 .594 .511 .623 .641 .641 .691 .774
     Climate-FEVER .187 .222 .160 .173 .211 .200 .176 .211 .232
     SciFact       .533 .539 .543 .531 .554 .523 .575 .593 .653
     Average       .371 .368 .378 .367 .369 .372 .391 .407 .452`,
  ),
  /** MS MARCO and Natural Questions, fine-tuned as DPR. */
  table2: new PaperTable(
    retrieval,
    `BERT      .3170 .3278 .5801 .8570 .9598 .7399 .7925 .8136 .8396 .8668
     RoBERTa   .3136 .3258 .5638 .8478 .9579 .7150 .7676 .7939 .8211 .8476
     DeBERTa   .3186 .3304 .5824 .8625 .9654 .7152 .7778 .8022 .8269 .8510
     SimCSE    .3193 .3307 .5907 .8653 .9699 .7291 .7864 .8125 .8391 .8670
     LaPraDoR  .3191 .3307 .5833 .8537 .9602 .7377 .7920 .8155 .8399 .8677
     DiffCSE   .3202 .3311 .5832 .8561 .9607 .7393 .7934 .8155 .8407 .8673
     SEED      .3264 .3374 .5913 .8535 .9539 .7454 .7958 .8208 .8432 .8701
     Condenser .3357 .3471 .6082 .8770 .9683 .7562 .8053 .8269 .8501 .8711
     RetroMAE  .3553 .3665 .6356 .8922 .9763 .7704 .8172 .8399 .8604 .8812`,
  ),
  /** The same, fine-tuned as ANCE. */
  table3: new PaperTable(
    retrieval,
    `BERT      .3460 .3569 .6220 .8734 .9642 .7875 .8227 .8460 .8601 .8776
     RoBERTa   .3433 .3543 .6130 .8705 .9637 .7629 .8053 .8277 .8449 .8698
     DeBERTa   .3396 .3512 .6016 .8719 .9670 .7654 .8097 .8288 .8479 .8698
     SimCSE    .3520 .3623 .6276 .8849 .9738 .7742 .8194 .8418 .8626 .8864
     LaPraDoR  .3456 .3564 .6129 .8755 .9640 .7801 .8247 .8424 .8590 .8773
     DiffCSE   .3462 .3571 .6217 .8748 .9654 .7853 .8252 .8410 .8620 .8784
     SEED      .3544 .3653 .6263 .8812 .9687 .7803 .8258 .8449 .8684 .8870
     Condenser .3635 .3742 .6388 .8912 .9722 .7903 .8325 .8524 .8668 .8834
     RetroMAE  .3822 .3928 .6677 .9074 .9807 .8044 .8443 .8632 .8776 .8942`,
  ),
  /** Both pre-trained on MS MARCO, fine-tuned as ANCE. */
  table4: new PaperTable(
    ['MRR@10', 'R@10', 'R@100', 'R@1000'],
    `coCondenser .382 -    -    .984
     RetroMAE    .393 .675 .918 .985`,
  ),
  /** Learnt from a cross-encoder. */
  table5: new PaperTable(
    ['MRR@10', 'R@10', 'R@100', 'R@1000'],
    `AR2          .395 -    -    .986
     ColBERTv2    .397 -    -    .984
     RocketQAv2   .388 -    -    .981
     ERNIE-Search .401 -    -    .982
     RetroMAE     .416 .709 .927 .988`,
  ),
  /** Ablations, fine-tuned as DPR. */
  table6: new PaperTable(
    ablation,
    `enhanced decoding      .3553 .6356 .8922 .9763 .7704 .8399 .8604 .8812
     basic decoding         .3462 .6218 .8813 .9725 .7562 .8291 .8540 .8759
     basic, 2 layers        .3446 .6217 .8828 .9729 .7561 .8289 .8538 .8759
     basic, 3 layers        .3439 .6223 .8829 .9730 .7563 .8290 .8537 .8760
     enhanced, decoder 15 % .3496 .6297 .8905 .9734 .7608 .8309 .8554 .8750
     enhanced, decoder 90 %  .3514 .6285 .8905 .9740 .7609 .8343 .8562 .8756
     basic, decoder 15 %    .3440 .6177 .8802 .9700 .7519 .8253 .8523 .8758
     basic, decoder 70 %     .3508 .6262 .8850 .9738 .7593 .8327 .8551 .8760
     basic, decoder 90 %     .3441 .6198 .8803 .9725 .7576 .8307 .8551 .8745
     enhanced, encoder 15 % .3501 .6306 .8890 .9757 .7703 .8404 .8604 .8795
     enhanced, encoder 90 %  .3365 .6143 .8750 .9701 .7599 .8296 .8508 .8692`,
  ),
};
