import { hash } from 'node:crypto';
import type { Format, Principal, TextPart } from '@sluice/core';

const ANSWERS: readonly TextPart['channel'][] = ['text', 'tool-arguments', 'refusal'];

/**
 * Names a conversation by its first question and the first answer to it, which go along with every later turn: a hash,
 * and nothing of the text. Undefined as long as there is no answer; a question alone may be anybody's "Hello".
 */
export function conversationId(
  format: Format,
  body: unknown,
  principal: Principal | undefined,
): string | undefined {
  let question = '';
  let answer = '';
  let answered: number | undefined;
  format.mapInput(body, ({ message, channel, text }) => {
    if (message === undefined) return text;
    const isAnswer = ANSWERS.includes(channel);
    if (isAnswer) answered ??= message;
    if (answered === undefined && channel === 'message') question += `\0${text}`;
    if (isAnswer && message === answered) answer += `\0${text}`;
    return text;
  });
  if (answered === undefined) return undefined;
  const whose = JSON.stringify([principal?.tenant ?? '', principal?.id ?? '']);
  return hash('sha256', `${whose}\0${question}\0\0${answer}`, 'base64url');
}
