// What a run tells people: log, TensorBoard events, charts, the report, the progress line.
export * from './pure.js';
export { RunLog } from './log.js';
export { writeReport, type ReportContent, type ReportTable } from './report.js';
export { EventWriter } from './tensorboard.js';
