// What of the report needs no files: records, numbers for people, the progress line, charts as SVG.
export { accuracyChart, lossChart, numbersChart, optimizerChart, probeChart } from './charts.js';
export { dataLine, dataWarnings, refuseUnknown } from './data-summary.js';
export { formatCount, formatDuration, formatQuantity, formatShare } from './format.js';
export { intervalChart, type IntervalChart, type IntervalRow } from './interval-chart.js';
export { matrixChart, type MatrixChart } from './matrix-chart.js';
export { Progress, Ticker } from './progress.js';
export { dataWait, stepRecord, type ProbeRecord, type StepRecord } from './records.js';
