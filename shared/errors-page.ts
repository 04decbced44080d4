/** The catalogue of errors.ts as the page ERRORS.md, for operators and for search. */
import { severities, severityOf } from './alarm-severity.ts';
import { type ErrorCode, errorCatalogue } from './errors.ts';

/** The whole of ERRORS.md. `UPDATE=1 npx vitest run test/unit/shared/errors.test.ts` writes it anew. */
export function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { meaning, action }]) => `| \`${code}\` | ${cell(meaning)} | ${cell(action)} |`,
  );
  return `${[
    '# Error codes',
    '',
    'What the two programs report, on the command line, in the log, in alarms and beside rejected files. A code is',
    'stable: scripts may rely on it. `diode-sender explain CODE` and `diode-receiver explain CODE` print the same.',
    "No message carries the name or id of a patient, or the name of a scanner's file.",
    '',
    'This page is made from `errors.ts`; a test keeps the two alike.',
    '',
    ...alarmText(),
    '| Code | What it means | What you do |',
    '| ---- | ------------- | ----------- |',
    ...rows,
  ].join('\n')}\n`;
}

/** Which alarms are urgent; the rest are not named. */
function alarmText(): string[] {
  const codes = Object.keys(errorCatalogue) as ErrorCode[];
  const [critical, , info] = severities.map((severity) =>
    codes
      .filter((code) => severityOf(code) === severity)
      .map((code) => `\`${code}\``)
      .join(', '),
  );
  return [
    'An alarm is `critical` (somebody is called), a `warning` (somebody looks at it today) or for `info`: so `status` and the',
    'log say, and the journal has it as priority err, warning or info. What the sender reports is as urgent as it is there.',
    '',
    `Critical: ${critical}.`,
    '',
    `For info: ${info}. All others are warnings.`,
    '',
  ];
}

function cell(sentence: string): string {
  return sentence.replaceAll('|', '\\|');
}
