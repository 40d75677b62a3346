import { BEHAVIOUR_FIELDS, COMMON_FIELDS, type FieldForm } from './behaviour-fields.ts';
import type { Behaviour, BehaviourKind } from './behaviour.ts';

/**
 * Reads a behaviour from a line of text, as the request header `x-fake-upstream` carries it:
 *
 *     name *( ";" field "=" value )          reset-mid-stream; afterEvents=3
 *
 * Fields have the names they have in {@link Behaviour}. A value ends at the next `;`, unless it is a JSON string in
 * double quotes, which may hold anything: `raw; bytes="HTTP/1.1 200 OK\r\n\r\n"; ending=rst`. Fields that are objects
 * or lists are written as JSON inside such a string. Bytes are text, or `base64:…`.
 *
 * @throws {SyntaxError} The name, a field or a value is none that exists; the message lists those that do.
 */
export function parseBehaviour(line: string): Behaviour {
  const [, name = '', rest = ''] = /^\s*([^\s;=]*)\s*(.*)$/su.exec(line) ?? [];
  if (!isKind(name)) {
    throw new SyntaxError(`no behaviour "${name}"; there are: ${Object.keys(BEHAVIOUR_FIELDS).join(', ')}`);
  }
  const forms: Readonly<Record<string, FieldForm>> = { ...BEHAVIOUR_FIELDS[name], ...COMMON_FIELDS };
  const behaviour: Record<string, unknown> = { kind: name };
  for (const [field, text] of fieldsOf(rest)) {
    const form = Object.hasOwn(forms, field) ? forms[field] : undefined;
    if (!form) throw new SyntaxError(`${name} has no "${field}"; it has: ${Object.keys(forms).join(', ')}`);
    behaviour[field] = read(text, form, field);
  }
  if ((name === 'raw' && !('bytes' in behaviour)) || (name === 'fixture' && !('body' in behaviour))) {
    throw new SyntaxError(`${name} needs its bytes`);
  }
  return behaviour as unknown as Behaviour;
}

function isKind(name: string): name is BehaviourKind {
  return Object.hasOwn(BEHAVIOUR_FIELDS, name);
}

function* fieldsOf(text: string): Generator<[field: string, value: string]> {
  const field =
    /\s*;\s*(?:(?<name>[A-Za-z]+)\s*=\s*(?:(?<quoted>"(?:[^"\\]|\\.)*")|(?<plain>[^;"]*)))?\s*/gsuy;
  let at = 0;
  while (at < text.length) {
    field.lastIndex = at;
    const groups = field.exec(text)?.groups;
    if (!groups) throw new SyntaxError(`expected "; field=value" at "${text.slice(at)}"`);
    at = field.lastIndex;
    const { name, quoted, plain = '' } = groups;
    if (name) yield [name, quoted ? String(JSON.parse(quoted)) : plain.trim()];
  }
}

function read(text: string, form: FieldForm, field: string): unknown {
  if (typeof form !== 'string') {
    if (form.includes(text)) return text;
    throw new SyntaxError(`${field} is one of: ${form.join(', ')}`);
  }
  switch (form) {
    case 'text':
      return text;
    case 'number': {
      const number = Number(text);
      if (text === '' || !(number >= 0)) throw new SyntaxError(`${field} is a number of at least 0`);
      return number;
    }
    case 'json':
      return JSON.parse(text);
    case 'bytes':
      return text.startsWith('base64:') ? Buffer.from(text.slice(7), 'base64') : text;
  }
}
