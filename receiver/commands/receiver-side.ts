/** What the commands that ask the running receiver need of the program around them. */
import type { AskingSide } from '../../shared/console/ask-command.ts';
import type { receiverSettings } from '../configuration.ts';

export type ReceiverSide = AskingSide<typeof receiverSettings>;
