/**
 * Goal: what the link lost beyond repair comes by a ticket, as a person would do it. Method: both programs and the relay
 * as processes, no carousel and one pass, a link that goes dark; what `missing` names is written as a ticket, typed as a
 * code or left for another; the sender does exactly what it says, once.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MissingRow } from '../../receiver/studies/missing.ts';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { countText } from '../../shared/console/quantities.ts';
import { Processes } from '../harness/processes.ts';
import { Transfer } from '../harness/transfer.ts';

const processes = new Processes();
let transfer: Transfer;

beforeAll(async () => {
  transfer = new Transfer({ processes, seed: 21 });
  Object.assign(transfer.senderSettings, {
    'passes.count': 1,
    'passes.carouselPercent': 0,
    'link.rateMegabitsPerSecond': 6,
    'code.openBlocks': 2,
    // Studies are closed by a person here, so that each list is sent when the test says so.
    'watch.quietSeconds': 600,
  });
  await transfer.prepare([]);
  await transfer.startReceiver();
  await transfer.startSender();
});

afterAll(() => processes.cleanUp());

async function missing(): Promise<MissingRow[]> {
  const { output } = await transfer.configured('receiver', 'missing', '--json');
  return JSON.parse(output).missing;
}

function passes(studyUid: string): number[] {
  const ledger = new SenderLedger(transfer.low('spool', 'ledger.sqlite'));
  const rows = ledger.objects.forCarousel(0, 1000).filter((object) => object.studyUid === studyUid);
  ledger.close();
  return rows.map((row) => row.passes).sort((a, b) => a - b);
}

async function close(): Promise<void> {
  expect(await transfer.configured('sender', 'close')).toMatchObject({ code: 0 });
}

const allSent = () => transfer.senderStatus()?.queue.objects === 0;
const closed = (count: number) => transfer.senderStatus()?.highestStudyNumber === count;

describe('a study of which a part was lost', () => {
  let study = '';
  const ticket = () => transfer.low('ticket.txt');

  it('is named by missing', async () => {
    study = transfer.putStudy({ instances: 12, bytes: 120_000 });
    await transfer.until('a part is through', () => (transfer.senderStatus()?.datagrams ?? 0) > 300);
    transfer.toggleDark();
    await transfer.until('all of it is sent', () => passes(study).every((count) => count > 0));
    transfer.toggleDark();
    await close();
    await transfer.until('its list is sent', () => closed(1) && allSent());
    await transfer.until('the account names it', () => (transfer.receiverStatus()?.senders.length ?? 0) > 0);
    await untilMissing((rows) => rows.some((row) => row.cause === 'instances missing'));
    expect(await missing()).toMatchObject([{ cause: 'instances missing', studyUid: study, studyNumber: 1 }]);
  });

  it('is asked for with a ticket, and comes: exactly what was missing, once', async () => {
    const [row] = await missing();
    const lost = (row?.expected ?? 0) - (row?.have ?? 0);
    expect(lost).toBeGreaterThan(0);
    const written = await transfer.configured(
      'receiver',
      'missing',
      study,
      '--ticket',
      transfer.high('ticket.txt'),
    );
    expect(written).toMatchObject({ code: 0 });
    copyFileSync(transfer.high('ticket.txt'), ticket());
    expect(readFileSync(ticket()).length).toBeLessThanOrEqual(800);
    const sent = await transfer.configured('sender', 'resend', '--ticket', ticket());
    expect(sent).toMatchObject({ code: 0 });
    expect(sent.output).toContain(`${countText(lost, 'object')} of study number 1`);
    await transfer.untilAllReleased();
    expect(transfer.account()).toEqual({ instances: 12, released: 12, absent: 0, twice: 0, wrong: 0 });
    await transfer.until(
      'all is counted',
      () => passes(study).filter((count) => count === 2).length === lost,
    );
    expect(await missing()).toEqual([]);
  });

  it('can not be asked for twice with it, nor with a forged one', async () => {
    const again = await transfer.configured('sender', 'resend', '--ticket', ticket());
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('E_TICKET_USED') });
    const text = readFileSync(ticket(), 'latin1').trim();
    writeFileSync(
      ticket(),
      text.replace(/.(.{12})$/, (_, end) => `${text.at(-13) === '0' ? '1' : '0'}${end}`),
    );
    const forged = await transfer.configured('sender', 'resend', '--ticket', ticket());
    expect(forged).toMatchObject({ code: 1, output: expect.stringMatching(/E_TICKET_FORGED/) });
    writeFileSync(ticket(), 'no ticket at all');
    const none = await transfer.configured('sender', 'resend', '--ticket', ticket());
    expect(none).toMatchObject({ code: 1, output: expect.stringMatching(/E_TICKET$/m) });
  });
});

describe('what happened to a study', () => {
  const happened = async (side: 'sender' | 'receiver', ...flags: readonly string[]) => {
    const { code, output } = await transfer.configured(side, 'events', ...flags);
    return { code, lines: output.trimEnd().split('\n') };
  };

  it('is told by both sides, of a study that its number, UID or the end of that names', async () => {
    const low = await happened('sender', '1', '--json');
    const kinds = (lines: readonly string[]) => lines.map((line): string => JSON.parse(line).kind);
    const studyUid: string = JSON.parse(low.lines[0] ?? '').studyUid;
    expect(kinds(low.lines)).toEqual(['taken-in', 'closed', 'transmitted', 'ticket-redeemed']);
    const high = await happened('receiver', studyUid, '--json');
    expect(kinds(high.lines)).toEqual(expect.arrayContaining(['announced', 'received', 'ticket-made']));
    expect(kinds(high.lines).slice(-2)).toEqual(['complete', 'released']);
    expect((await happened('receiver', studyUid.slice(-12), '--json')).lines).toEqual(high.lines);
  });

  it('is told in lines of 80 columns, with the start of the program', async () => {
    for (const side of ['sender', 'receiver'] as const) {
      const { code, lines } = await happened(side, '--since', '1h');
      expect(code).toBe(0);
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
      const text = lines.join('\n');
      expect(text).toMatch(/^[0-9-]{10} [0-9:]{8} {2}configuration +changed: [0-9a-f]{16}$/m);
      expect(text).toMatch(/ {2}keys read +1 key$/m);
      expect(text).toMatch(/ {2}started +version /m);
    }
  });

  it('of which nothing is known ends with 1', async () => {
    expect(await happened('receiver', '1.2.3.4.5')).toMatchObject({ code: 1 });
    const wrong = await transfer.configured('sender', 'events', '--since', 'yesterday');
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('E_USAGE') });
  });
});

describe('a study of which nothing ever came', () => {
  it('is asked for by its number with a typed code, and comes', async () => {
    transfer.toggleDark();
    const study = transfer.putStudy({ instances: 5, bytes: 20_000 });
    await transfer.until(
      'it is sent',
      () => passes(study).length === 5 && passes(study).every((count) => count > 0),
    );
    await close();
    await transfer.until('its list is sent', () => closed(2) && allSent());
    transfer.toggleDark();
    await untilMissing((rows) => rows.some((row) => row.studyNumber === 2));
    const { output } = await transfer.configured('receiver', 'missing', '2', '--code', '--json');
    const { code } = JSON.parse(output);
    expect(code.length).toBeLessThanOrEqual(40);
    const typed = code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l');
    const sent = await transfer.configured('sender', 'resend', '--ticket', typed);
    expect(sent).toMatchObject({ code: 0, output: expect.stringContaining('6 objects of study number 2') });
    await transfer.untilAllReleased();
    expect(transfer.account()).toMatchObject({ absent: 0, twice: 0, wrong: 0 });
    await transfer.until('all is counted', () => passes(study).every((count) => count === 2));
    const again = await transfer.configured('sender', 'resend', '--ticket', code);
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('E_TICKET_USED') });
  });
});

it('no ticket can be had for what is not missing', async () => {
  const { code, output } = await transfer.configured('receiver', 'missing', '--qr');
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('E_STUDY_STATE') });
});

async function untilMissing(isSo: (rows: readonly MissingRow[]) => boolean): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (isSo(await missing())) return;
  }
  throw new Error('missing does not name it');
}
