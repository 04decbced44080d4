/** `diode-receiver release`: releases an incomplete study as far as it has arrived, because a person says so. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { partialReleaseForm } from '../operate/partial-release.ts';
import type { ReceiverSide } from './receiver-side.ts';

export function addReleaseCommand(program: Command, side: ReceiverSide): void {
  addAskCommand(program, side, {
    usage: 'release <study>',
    description: 'release an incomplete study, as far as it has arrived, to the partial folder',
    form: partialReleaseForm,
    options: (command) =>
      command
        .requiredOption('--partial', 'confirm that instances are missing')
        .option('--sender <id>', 'which sender, if several have this study'),
    fields: ([studyUid = ''], { sender }) => ({
      studyUid,
      ...(sender !== undefined && { senderId: sender }),
    }),
  });
}
