import {
  changeHeaders,
  CONTENT_LABEL,
  type Context,
  definePlugin,
  type Format,
  isEventStream,
  mapJsonAnswer,
  type PluginFactory,
  PRINCIPAL,
  readJson,
  SseEvent,
  transformStream,
} from '@sluice/core';
import { labelledBody } from './labelled-body.ts';
import { LabelledStream } from './labelled-stream.ts';
import { type ExplicitLabel, type ImplicitLabel, type LabelsOptions, options } from './options.ts';

const DEFAULT_ANSWER_BYTES = 16 * 1024 * 1024;
const WORDING = {
  prefix: { en: '[AI-generated content]\n\n', zh: '【本内容由人工智能生成】\n\n' },
  suffix: { en: '\n\n[AI-generated content]', zh: '\n\n【本内容由人工智能生成】' },
};

/**
 * Labels generated text: for people in the text itself, for machines in a header and, by option, in the body. Output
 * that a program reads, and the arguments of tools, carry no label for people.
 */
export const labels: PluginFactory<LabelsOptions> = definePlugin({
  name: 'labels',
  outside: ['moderation', 'cache', 'retry', 'region-routing', 'circuit-breaker', 'credentials'],
  inside: ['audit', 'identity'],
  options,
  create: (settings: LabelsOptions) => {
    const { explicit = {}, implicit, exempt, maxAnswerBytes = DEFAULT_ANSWER_BYTES } = settings;
    return {
      async handle(request, next, ctx) {
        const { format } = ctx;
        if (format === undefined) return next(request);
        const body = readJson(request);
        const exemption = exempt?.(ctx.state.get(PRINCIPAL));
        const isText = explicit !== false && exemption === undefined && !format.structured(body);
        const position = (explicit === false ? undefined : explicit.position) ?? 'prefix';
        const label = isText ? wording(explicit, position, format, body) : '';

        const response = await next(request);
        if (response.status > 299) return response;
        ctx.state.set(CONTENT_LABEL, {
          produceId: ctx.id,
          ...(exemption === undefined ? {} : { exemption }),
        });
        const machine = implicit === undefined ? undefined : machineLabel(implicit, ctx);
        const inBody = implicit?.inBody === true ? machine : undefined;
        const answer = await labelled(response, format, position, label, inBody, maxAnswerBytes);
        if (machine !== undefined && implicit?.header !== false) {
          changeHeaders(answer, { [(implicit?.header ?? 'x-aigc').toLowerCase()]: JSON.stringify(machine) });
        }
        return answer;
      },
    };
  },
});

function labelled(
  response: Response,
  format: Format,
  position: 'prefix' | 'suffix',
  label: string,
  inBody: object | undefined,
  maxBytes: number,
): Response | Promise<Response> {
  if (label === '' && inBody === undefined) return response;
  if (isEventStream(response)) {
    const comment = new SseEvent(Buffer.from(`: AIGC ${JSON.stringify(inBody)}\n\n`));
    return transformStream(
      response,
      new LabelledStream(format, position, label, inBody === undefined ? [] : [comment]),
    );
  }
  return mapJsonAnswer(response, maxBytes, (body) => {
    const said = label === '' ? body : labelledBody(format, body, position, label);
    return inBody === undefined || !saysSomething(format, body)
      ? said
      : { ...(said as object), AIGC: inBody };
  });
}

/** Whether anything was generated. A count of tokens speaks the format too. */
function saysSomething(format: Format, body: unknown): boolean {
  let any = false;
  format.mapOutput(body, ({ text }) => {
    any = true;
    return text;
  });
  return any;
}

function wording(
  explicit: ExplicitLabel,
  position: 'prefix' | 'suffix',
  format: Format,
  body: unknown,
): string {
  const { language = 'auto' } = explicit;
  const tongue = language === 'auto' ? (asksInChinese(format, body) ? 'zh' : 'en') : language;
  return explicit[tongue] ?? WORDING[position][tongue];
}

/** By what was said last. */
function asksInChinese(format: Format, body: unknown): boolean {
  let chinese = false;
  format.mapInput(body, ({ channel, text }) => {
    if (channel === 'message') chinese = /\p{Script=Han}/u.test(text);
    return text;
  });
  return chinese;
}

/** The fields of the standard, all of them strings. The number is the call's, so that records lead to it. */
function machineLabel(
  { label = '1', contentProducer, contentPropagator }: ImplicitLabel,
  { id }: Context,
): object {
  return {
    Label: label,
    ContentProducer: contentProducer,
    ProduceID: id,
    ReservedCode1: '',
    ContentPropagator: contentPropagator ?? '',
    PropagateID: contentPropagator === undefined ? '' : id,
    ReservedCode2: '',
  };
}
