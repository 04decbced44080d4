/** The catalogue of errors.ts as the page ERRORS.md, for operators and for search. */

import { type ErrorCode, errorCatalogue } from './errors.ts';
import { severities, severityOf } from './program/alarm-severity.ts';

/** The whole of ERRORS.md. `UPDATE=1 npx vitest run --project unit test/unit/shared/errors.test.ts` rewrites it. */
export function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { meaning, action }]) => `| \`${code}\` | ${cell(meaning)} | ${cell(action)} |`,
  );
  return `${[
    '# Error codes',
    '',
    'The codes that the two programs report on the command line, in the log, in alarms and beside rejected files. Codes are',
    'stable: scripts may rely on them. `diode-sender explain CODE` and `diode-receiver explain CODE` print the same text.',
    "No message contains the name or id of a patient, or the name of a scanner's file.",
    '',
    'This page is generated from `errors.ts`; a test keeps the two the same.',
    '',
    ...alarmText(),
    '| Code | What it means | What you do |',
    '| ---- | ------------- | ----------- |',
    ...rows,
  ].join('\n')}\n`;
}

/** Lists the critical and the informational alarms; all others are warnings. */
function alarmText(): string[] {
  const codes = Object.keys(errorCatalogue) as ErrorCode[];
  const [critical, , info] = severities.map((severity) =>
    codes
      .filter((code) => severityOf(code) === severity)
      .map((code) => `\`${code}\``)
      .join(', '),
  );
  return [
    'An alarm is `critical` (someone is called), a `warning` (someone looks at it today) or `info`. `status` and the log say',
    'which; the journal has it as priority err, warning or info. An alarm that the sender reports is as urgent here as it is there.',
    '',
    `Critical: ${critical}.`,
    '',
    `Info: ${info}. All others are warnings.`,
    '',
  ];
}

function cell(sentence: string): string {
  return sentence.replaceAll('|', '\\|');
}
