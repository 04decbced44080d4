/** Goal: what one sender's files cost a run is bounded, in losses and in time. Method: a clock that the test moves. */
import { expect, it } from 'vitest';
import type { InstanceFile } from '../../../../receiver/deliver/instance-file.ts';
import { Losses } from '../../../../receiver/deliver/losses.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const file = (path: string): InstanceFile => ({
  ...{ path, fileBytes: 0, dataSetOffset: 0 },
  ...{ sopClassUid: '1.1', transferSyntaxUid: '1.2.1', sopInstanceUid: path },
});
const [a, b, c] = [file('a 1'), file('b 1'), file('c 1')];
const lost = new DiodeError('E_ASSOCIATION_TIMEOUT');

function run(files: readonly InstanceFile[], stop = new AbortController()) {
  const time = new VirtualClock();
  const senderOf = ({ path }: InstanceFile) => path.charAt(0);
  return { time, losses: new Losses(files, 5, { clock: time.host(), senderOf, signal: stop.signal }) };
}

it('a run that takes long goes on with one file of each sender that had none, and says nothing against the rest', () => {
  const { time, losses } = run([a, b, c]);
  losses.answered([a]);
  losses.lost([c], lost);
  time.advance(119_999);
  for (const each of [a, b, c]) expect(losses.why(each)).toBeUndefined();
  time.advance(1);
  expect([losses.why(a), losses.why(b), losses.why(c)]).toEqual([{}, undefined, {}]);
  losses.answered([b]);
  expect(losses.why(b)).toEqual({});
});

it('three losses put a sender aside, whatever is answered between, and five in a row of several all of them', () => {
  const { losses } = run([a, b, c]);
  for (let count = 0; count < 3; count += 1) {
    expect(losses.why(a)).toBeUndefined();
    losses.lost([a], lost);
    losses.answered([b]);
  }
  expect([losses.why(a)?.code, losses.why(b)]).toEqual(['E_ASSOCIATION_TIMEOUT', undefined]);
  for (const each of [b, c, b, c]) losses.lost([each], lost);
  expect(losses.why(c)).toBeUndefined();
  losses.lost([b], lost);
  expect(losses.why(c)?.code).toBe('E_ASSOCIATION_TIMEOUT');
});

it('one sender alone has all the losses of a run, and a stop ends it for everybody', () => {
  const stop = new AbortController();
  const { losses } = run([a, file('a 2')], stop);
  for (let count = 0; count < 4; count += 1) losses.lost([a], lost);
  expect(losses.why(a)).toBeUndefined();
  losses.lost([a], lost);
  expect(losses.why(a)?.code).toBe('E_ASSOCIATION_TIMEOUT');
  const other = run([a, b], stop);
  stop.abort();
  expect(other.losses.why(b)?.code).toBe('E_ASSOCIATION_ABORTED');
});
