/** @returns the senders, sorted, beginning behind the one that was served last */
export function sendersInTurn(senderIds: readonly string[], servedLast: string): readonly string[] {
  const next = senderIds.findIndex((senderId) => senderId > servedLast);
  return next < 0 ? senderIds : [...senderIds.slice(next), ...senderIds.slice(0, next)];
}
