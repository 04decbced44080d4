/** Answers what the command line asks of the running sender. Its fields are checked: any process may write them. */
import { z } from 'zod';
import { DiodeError } from '../../shared/errors.ts';
import type { Answer, Request } from '../../shared/mailbox.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { Dispatch } from '../dispatch/dispatch.ts';

const resendParameters = z.strictObject({ ticket: z.string().max(4096) });
const closeParameters = z.strictObject({ studyUid: z.string().refine(isUid).optional() });

export function answerRequest(dispatch: Dispatch, request: Request): Answer {
  try {
    if (request.verb === 'close') return { ok: true, detail: close(dispatch, request.parameters) };
    if (request.verb === 'resend') return { ok: true, detail: resend(dispatch, request.parameters) };
    throw new DiodeError('E_USAGE', 'the running program does not know this request');
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

function close(dispatch: Dispatch, parameters: unknown): string {
  const { studyUid } = checked(closeParameters, parameters);
  const closed = dispatch.close(studyUid);
  return closed.length === 1 ? '1 study closed' : `${closed.length} studies closed`;
}

function resend(dispatch: Dispatch, parameters: unknown): string {
  const { studies, notKept } = dispatch.resend(checked(resendParameters, parameters).ticket);
  const told = studies.map(({ studyNumber, objects }) => `${objects} objects of study number ${studyNumber}`);
  const missing = notKept.length === 0 ? '' : `; not kept any more: study number ${notKept.join(', ')}`;
  return `${told.join(', ')} are sent again, ahead of the queue${missing}`;
}

function checked<T>(schema: z.ZodType<T>, parameters: unknown): T {
  const parsed = schema.safeParse(parameters);
  if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
  return parsed.data;
}
