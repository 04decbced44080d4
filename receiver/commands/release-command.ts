/** `diode-receiver release`: what is there of an incomplete study, because a person says so. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { partialReleaseForm } from '../operate/partial-release.ts';
import type { ReceiverSide } from './receiver-side.ts';

export function addReleaseCommand(program: Command, side: ReceiverSide): void {
  addAskCommand(program, side, {
    usage: 'release <study>',
    description: 'release what is there of an incomplete study to the partial folder',
    form: partialReleaseForm,
    options: (command) =>
      command
        .requiredOption('--partial', 'yes, without the missing instances')
        .option('--sender <id>', 'which sender, when several have this study'),
    fields: ([studyUid = ''], { sender }) => ({
      studyUid,
      ...(sender !== undefined && { senderId: sender }),
    }),
  });
}
