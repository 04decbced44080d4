/** `diode-receiver missing`: names what is not in the inbox, and writes the ticket that asks the sender for it. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { encode, renderSVG, renderUnicodeCompact } from 'uqr';
import {
  configurationOf,
  type GlobalOptions,
  print,
  readSnapshot,
} from '../../shared/console/command-line.ts';
import { countText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { readKeyRing } from '../../shared/crypto/key-file.ts';
import { DiodeError, diskError } from '../../shared/errors.ts';
import { fieldText } from '../../shared/program/event-catalogue.ts';
import { isUid } from '../../shared/wire/limits.ts';
import { dayOf, encodeTicket, encodeTicketCode } from '../../shared/wire/ticket.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';
import { snapshotPath } from '../places.ts';
import type { ReceiverStatus } from '../status.ts';
import {
  type MissingAccount,
  type MissingFilter,
  type MissingRow,
  missingAccount,
} from '../studies/missing.ts';
import { planTicket, type TicketPlan, wantedStudies } from '../studies/ticket-plan.ts';
import type { ReceiverSide } from './receiver-side.ts';
import { ticketKey } from './ticket-key.ts';

const missingShown = 1000;
/** Light modules around the code: what readers need to find it (ISO/IEC 18004). */
const quietZone = 4;

interface MissingOptions {
  readonly ticket?: string;
  readonly qr?: boolean;
  readonly code?: boolean;
  readonly sender?: string;
}

type WithLedger = <T>(values: ReceiverConfiguration, act: (ledger: ReceiverLedger) => T) => Promise<T>;

export function addMissingCommand(program: Command, { clock }: ReceiverSide, withLedger: WithLedger): void {
  program
    .command('missing [study]')
    .description(
      'list everything the senders took in that is not in the inbox; STUDY is a study number or UID',
    )
    .option(
      '--ticket <file>',
      'write a ticket that asks for it: a text file, a picture (.svg), or - to print it',
    )
    .option('--qr', 'show the ticket as a QR code')
    .option('--code', 'show a code to type on the sender that asks for one whole study')
    .option('--sender <id>', 'only from this sender')
    .action(async (study: string | undefined, options: MissingOptions, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const wantsTicket = options.ticket !== undefined || options.qr === true || options.code === true;
      await withLedger(values, (ledger) => {
        const filter = { senderId: options.sender, ...filterOf(study) };
        const account = missingAccount(ledger, missingShown, filter, clock.wallMs());
        if (wantsTicket) writeTicket(ledger, values, account.rows, options, json, clock.wallMs());
        else if (json) print(JSON.stringify({ missing: account.rows, more: account.more }));
        else print(missingText(account));
      });
    });
}

/** A study is given by its number or its UID; plain digits may be either. */
function filterOf(study: string | undefined): Pick<MissingFilter, 'studyUid' | 'studyNumber'> {
  if (study === undefined) return {};
  if (!isUid(study)) throw new DiodeError('E_USAGE', 'give a study by its number or its UID');
  const studyNumber = Number(study);
  const isNumber = /^[0-9]+$/.test(study) && Number.isSafeInteger(studyNumber);
  return { studyUid: study, ...(isNumber && { studyNumber }) };
}

function missingText({ rows, more }: MissingAccount): string {
  if (rows.length === 0 && more.length === 0) return 'nothing is missing that a sender has announced';
  const lines = rows.map((row) => [
    row.studyNumber,
    row.studyUid,
    causeText(row),
    row.expected === undefined && row.have === undefined
      ? undefined
      : `${row.have ?? '?'} of ${row.expected ?? '?'}`,
    row.senderId,
  ]);
  const beyond = more.map(({ cause, senderId, count, numbers }) => {
    const between = numbers === undefined ? '' : `, study numbers ${numbers.first} to ${numbers.last}`;
    return `… and ${count} more: ${cause}${between}, from sender ${senderId}`;
  });
  const shown =
    lines.length === 0 ? [] : [table(['number', 'study', 'what is missing', 'arrived', 'sender'], lines)];
  return [...shown, ...beyond].join('\n');
}

function causeText({ cause, expired, problem }: MissingRow): string {
  const parts = [cause, expired ? 'expired on the low side' : undefined, problem];
  return parts.filter((part) => part !== undefined).join(', ');
}

function writeTicket(
  ledger: ReceiverLedger,
  values: ReceiverConfiguration,
  rows: readonly MissingRow[],
  options: MissingOptions,
  json: boolean,
  wallMs: number,
): void {
  const sender = senderOf(ledger, rows);
  const wanted = wantedStudies(ledger, rows);
  if (wanted.length === 0)
    throw new DiodeError('E_STUDY_STATE', 'nothing is missing that a ticket could ask for');
  const key = ticketKey(ledger, readKeyRing(values.keyFile), sender);
  const senderId = Buffer.from(sender.senderId, 'hex');
  const day = senderDay(values, sender.senderId, wallMs);
  const [only, ...others] = wanted;
  const code =
    options.code === true && only !== undefined && others.length === 0
      ? encodeTicketCode(
          { studyNumber: only.studyNumber, day, serial: randomBytes(2).readUInt16BE() },
          key.secret,
          senderId,
        )
      : undefined;
  if (options.code === true && code === undefined)
    throw new DiodeError('E_USAGE', 'a code is for one study: give its number or its UID');
  const ticketId = randomBytes(8).toString('hex');
  const plan = planTicket(wanted, (studies) =>
    encodeTicket({ senderId: sender.senderId, ticketId, day, keyId: key.id, studies }, key.secret),
  );
  if (plan === undefined) throw new DiodeError('E_USAGE', 'no study fits into a ticket');
  const numbers = plan.studies.map(({ study }) => study.studyNumber).join(', ');
  const who = { byWhom: userInfo().username, reason: 'missing' };
  ledger.transaction(() => {
    ledger.audit.enter({ action: 'ticket', subject: `${sender.senderId} ${numbers}`, ...who }, wallMs);
    const ticket = { senderId: sender.senderId, ticketId, byWhom: fieldText(who.byWhom) };
    enterTicket(ledger, plan, rows, ticket, wallMs);
  });
  if (options.ticket !== undefined && options.ticket !== '-') writeFile(options.ticket, plan.text);
  if (json)
    return print(
      JSON.stringify({ ticket: plan.text, ...(code === undefined ? {} : { code }), ...summary(plan) }),
    );
  if (options.ticket === '-') print(plan.text);
  if (options.qr === true) print(renderUnicodeCompact(plan.text, { ecc: 'M', border: quietZone }));
  print(ticketText(plan, options, sender.senderId, code));
}

/** One event for each study that the ticket asks for. Of a number that was never seen the UID is not known. */
function enterTicket(
  ledger: ReceiverLedger,
  plan: TicketPlan,
  rows: readonly MissingRow[],
  ticket: { readonly senderId: string; readonly ticketId: string; readonly byWhom: string },
  atMs: number,
): void {
  const uids = new Map(rows.map(({ studyNumber, studyUid }) => [studyNumber, studyUid]));
  for (const { study, rounding } of plan.studies) {
    const { studyNumber } = study;
    const studyUid = uids.get(studyNumber);
    const about = studyUid === undefined ? {} : { studyUid };
    ledger.events.enter({ kind: 'ticket-made', ...ticket, ...about, studyNumber, of: rounding }, atMs);
  }
}

function summary(plan: TicketPlan) {
  return {
    studies: plan.studies.map(({ study, rounding }) => ({ ...study, rounding })),
    left: plan.left.map(({ studyNumber }) => studyNumber),
  };
}

function ticketText(
  plan: TicketPlan,
  options: MissingOptions,
  senderId: string,
  code: string | undefined,
): string {
  const where = options.ticket === undefined || options.ticket === '-' ? '' : ` in ${options.ticket}`;
  const rounded = plan.studies.filter(({ rounding }) => rounding !== 'exact');
  const lines = [
    `ticket${where} for sender ${senderId}, study number ${plan.studies.map(({ study }) => study.studyNumber).join(', ')}`,
    ...rounded.map(
      ({ study, rounding }) =>
        `  ${study.studyNumber}: more is missing than fits, so the ticket asks for whole ${rounding}`,
    ),
    ...(plan.left.length === 0
      ? []
      : [
          `  not in this ticket: ${countText(plan.left.length, 'more study', 'more studies')}; make another one when these have arrived`,
        ]),
    ...(code === undefined ? [] : [`  or type on the sender: diode-sender resend --ticket ${code}`]),
    '  carry it to the sender and run diode-sender resend --ticket FILE',
  ];
  return lines.join('\n');
}

function writeFile(path: string, text: string): void {
  const picture = path.endsWith('.svg');
  try {
    writeFileSync(path, picture ? pictureOf(text) : `${text}\n`);
  } catch (cause) {
    throw diskError(cause, `writing ${path}`);
  }
}

/** An SVG of about 600 pixels, whatever the code's size. */
function pictureOf(text: string): string {
  const { size } = encode(text, { ecc: 'M', border: quietZone });
  return renderSVG(text, { ecc: 'M', border: quietZone, pixelSize: Math.max(4, Math.floor(600 / size)) });
}

/** A ticket is for one sender. */
function senderOf(ledger: ReceiverLedger, rows: readonly MissingRow[]): SenderRecord {
  const senders = new Set(rows.map(({ senderId }) => senderId));
  const [senderId, ...others] = senders;
  if (senderId === undefined) throw new DiodeError('E_STUDY_STATE', 'nothing of this is missing');
  if (others.length > 0)
    throw new DiodeError(
      'E_USAGE',
      `a ticket is for one sender: name it with --sender (${[...senders].join(', ')})`,
    );
  const sender = ledger.senders.get(senderId);
  if (sender === undefined)
    throw new DiodeError('E_STUDY_STATE', 'this sender has never sent a beacon, so its key is not known');
  return sender;
}

/** The day on the sender's clock, according to its last beacon: the clocks of the two sides may be years apart. */
function senderDay(values: ReceiverConfiguration, senderId: string, wallMs: number): number {
  const senders = readSnapshot<ReceiverStatus>(snapshotPath(values))?.senders ?? [];
  return dayOf(wallMs + (senders.find((sender) => sender.senderId === senderId)?.clockSkewMs ?? 0));
}
