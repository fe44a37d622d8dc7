// What a run tells people: log, TensorBoard events, charts, the report, the progress line.
export { accuracyChart, lossChart, probeChart } from './charts.js';
export { formatCount, formatQuantity, formatShare } from './format.js';
export { RunLog } from './log.js';
export { Progress, Ticker } from './progress.js';
export { dataWait, stepRecord, type ProbeRecord, type StepRecord } from './records.js';
export { writeReport, type ReportContent } from './report.js';
export { EventWriter } from './tensorboard.js';
