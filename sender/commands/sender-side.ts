/** What the commands that ask the running sender need of the program around them. */
import type { AskingSide } from '../../shared/console/ask-command.ts';
import type { senderSettings } from '../configuration.ts';

export type SenderSide = AskingSide<typeof senderSettings>;
