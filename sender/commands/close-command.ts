/** `diode-sender close`: studies that need not wait for their quiet time. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { closeStudiesForm } from '../operate/studies.ts';
import type { SenderSide } from './sender-side.ts';

export function addCloseCommand(program: Command, side: SenderSide): void {
  addAskCommand(program, side, {
    usage: 'close [study]',
    description: 'close a study now, given its Study Instance UID, or close all open ones',
    form: closeStudiesForm,
    reason: 'closed by hand',
    fields: ([studyUid]) => ({ ...(studyUid !== undefined && { studyUid }) }),
  });
}
