/** `doctor`: prints the findings as a table or as JSON, and exits with 1 if any is a failure. */
import type { Command } from 'commander';
import type { Finding, Verdict } from '../doctor/finding.ts';
import { countersPath } from '../link-counters.ts';
import { type GlobalOptions, print } from './command-line.ts';
import { countText } from './quantities.ts';
import { table } from './table.ts';

const words: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  warning: 'WARNING',
  failure: 'FAILURE',
  unknown: 'unknown',
};

export function addDoctorCommand(
  program: Command,
  look: (command: Command, countersPath: string) => Promise<readonly Finding[]>,
): void {
  program
    .command('doctor')
    .description('check this host, the link and what keeps it one-way, and say what to do about problems')
    .option(
      '--counters <file>',
      'the counters of the kernel rules, as written by nft -j list counters',
      countersPath,
    )
    .action(async (options: { counters: string }, command: Command) => {
      const findings = await look(command, options.counters);
      const failures = findings.filter(({ verdict }) => verdict === 'failure').length;
      const { json } = command.optsWithGlobals<GlobalOptions>();
      if (json) print(JSON.stringify({ ok: failures === 0, findings }));
      else print(doctorText(findings));
      if (failures > 0) process.exitCode = 1;
    });
}

export function doctorText(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, verdict, found }) => [words[verdict], check, found]);
  const actions = findings.flatMap(({ check, verdict, action }) =>
    action === undefined ? [] : [`${words[verdict]} ${check}: ${action}`],
  );
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const sum = `${count('ok')} ok, ${countText(count('warning'), 'warning')}, ${countText(count('failure'), 'failure')}, ${count('unknown')} unknown`;
  return [table(['', 'check', 'found'], rows), '', ...actions, sum].join('\n');
}
