/**
 * Goal: what tries to reach the link by another way is an alarm, one whatever its number, and is over when it stops. Method:
 * the file of counters as text that changes.
 */
import { expect, it } from 'vitest';
import { countersPath, receiverCounters } from '../../../shared/link-counters.ts';
import { LinkGuard } from '../../../shared/link-guard.ts';
import { Alarms } from '../../../shared/program/alarms.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

const minuteMs = 60_000;

function guard() {
  const edges: string[] = [];
  const alarms = new Alarms(new VirtualClock().host(), (edge, { code }) => edges.push(`${edge} ${code}`));
  let text: string | undefined;
  const files = { read: (path: string) => (path === countersPath ? text : undefined) };
  const watch = new LinkGuard({ files, alarms, counters: receiverCounters });
  let nowMs = 0;
  const go = (packets: Readonly<Record<string, number>> | undefined, minutes = 1) => {
    const counters = Object.entries(packets ?? {}).map(([name, count]) => ({
      counter: { table: 'dicom_diode', name, packets: count },
    }));
    text = packets === undefined ? undefined : JSON.stringify({ nftables: counters });
    nowMs += minutes * minuteMs;
    watch.look({ to: 'eth1' }, nowMs);
    return alarms.standing();
  };
  return { watch, go, edges, alarms, setText: (other: string) => (text = other) };
}

it('packets for the link that came by another network are one alarm, with their number', () => {
  const { go, edges } = guard();
  expect(go({ from_sender: 1000, from_elsewhere: 0 })).toEqual([]);
  expect(go({ from_sender: 2000, from_elsewhere: 3 })).toMatchObject([
    { code: 'E_LINK_STRAY', detail: expect.stringContaining('from_elsewhere 3') },
  ]);
  for (let count = 4; count < 100; count += 1) go({ from_elsewhere: count });
  expect(edges).toEqual(['raised E_LINK_STRAY']);
  // What was counted stays counted; the alarm is over when nothing is added for a quarter of an hour.
  go({ from_elsewhere: 99 }, 14);
  expect(edges.length).toBe(1);
  go({ from_elsewhere: 99 }, 2);
  go({ from_elsewhere: 100 });
  expect(edges.slice(1)).toEqual(['cleared E_LINK_STRAY', 'raised E_LINK_STRAY']);
});

it('what was stopped before the program started is an alarm too, and none when the rules are loaded again', () => {
  const { go } = guard();
  expect(go({ sent_to_link: 2 }).length).toBe(1);
  expect(go({ sent_to_link: 0 })).toEqual([]);
  expect(go({ sent_to_link: 1 }).length).toBe(1);
});

it('a file that is missing, or says something else, is for doctor', () => {
  const { go, watch, setText, alarms } = guard();
  expect(go(undefined)).toEqual([]);
  for (const [turn, text] of ['', '{', '{"nftables":1}', 'x'.repeat(100_000)].entries()) {
    setText(text);
    watch.look({ to: 'eth1' }, (turn + 2) * minuteMs);
    expect(alarms.standing()).toEqual([]);
  }
});

it('a socket that is bound to no interface is an alarm; one whose interface is gone is not', () => {
  const { watch, alarms } = guard();
  watch.look('unbound', 1);
  expect(alarms.standing().map(({ code }) => code)).toEqual(['E_LINK_INTERFACE']);
  watch.look('gone', 2);
  expect(alarms.standing()).toEqual([]);
  watch.look({ to: 'eth1' }, 3);
  expect(alarms.standing()).toEqual([]);
});
