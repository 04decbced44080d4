/** Answers what the command line asks of the running sender. Its fields are checked: any process may write them. */
import { z } from 'zod';
import { DiodeError } from '../shared/errors.ts';
import type { Answer, Request } from '../shared/mailbox.ts';
import { isUid } from '../shared/wire/limits.ts';
import type { Dispatch } from './dispatch.ts';

const closeParameters = z.strictObject({ studyUid: z.string().refine(isUid).optional() });

export function answerRequest(dispatch: Dispatch, request: Request): Answer {
  try {
    if (request.verb !== 'close')
      throw new DiodeError('E_USAGE', 'the running program does not know this request');
    const parsed = closeParameters.safeParse(request.parameters);
    if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
    const closed = dispatch.close(parsed.data.studyUid);
    return { ok: true, detail: closed.length === 1 ? '1 study closed' : `${closed.length} studies closed` };
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}
