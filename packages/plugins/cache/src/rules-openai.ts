import type { AnswerKind, CacheRules, Impurity } from './rules.ts';
import { asList, asObject, isSet, someObject } from './walk.ts';

const IGNORED = [
  'metadata',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'service_tier',
];
const HEADERS = ['openai-beta'];

/** Tools that run at the caller. */
const CLIENT_TOOLS = new Set<unknown>([undefined, 'function', 'custom']);

/** Fields of a request that goes on from something at the provider, or leaves something there. */
const STATEFUL = ['previous_response_id', 'conversation', 'background', 'prompt'];

/** Chat Completions. */
export const chatRules: CacheRules = {
  ignored: IGNORED,
  headers: HEADERS,
  impurities: (body) => impurities(body, 'messages', isSet(body['store']), isSet(body['web_search_options'])),
  answer: (body) => choicesKind(body),
  event: (event) => {
    // A text may hold these words too, but never between unescaped quotes: then it costs a parse, and nothing else.
    const { data } = event;
    const special =
      data.includes('"tool_calls"') ||
      data.includes('"function_call"') ||
      data.includes('"refusal"') ||
      data.includes('"content_filter"');
    return special ? choicesKind(event.json) : undefined;
  },
};

/** The Responses API. */
export const responsesRules: CacheRules = {
  ignored: IGNORED,
  headers: HEADERS,
  // Responses are kept at the provider unless `store` is false; what refers to one is no function of the request.
  impurities: (body) =>
    impurities(body, 'input', body['store'] === true || STATEFUL.some((name) => isSet(body[name])), false),
  answer: (body) => responseKind(body),
  event: (event) => {
    switch (event.type) {
      case 'response.incomplete':
        return 'unfinished';
      case 'response.completed':
        return responseKind(asObject(event.json)?.['response']);
      default:
        return undefined;
    }
  },
};

function impurities(
  body: Readonly<Record<string, unknown>>,
  content: string,
  keepsState: boolean,
  searches: boolean,
): readonly Impurity[] {
  const found: Impurity[] = [];
  if (keepsState) found.push('state');
  if (searches || asList(body['tools']).some((tool) => !CLIENT_TOOLS.has(asObject(tool)?.['type'])))
    found.push('server-tools');
  if (someObject(body[content], hasFile)) found.push('files');
  if (someObject(body[content], hasUrl)) found.push('urls');
  return found;
}

function hasFile(object: Readonly<Record<string, unknown>>): boolean {
  return typeof object['file_id'] === 'string';
}

/** A picture or file by its address; `data:` URLs hold it themselves. */
function hasUrl(object: Readonly<Record<string, unknown>>): boolean {
  const image = object['image_url'];
  const url = asObject(image)?.['url'] ?? image ?? object['file_url'];
  return typeof url === 'string' && !url.startsWith('data:');
}

function choicesKind(body: unknown): AnswerKind | undefined {
  let kind: AnswerKind | undefined;
  for (const item of asList(asObject(body)?.['choices'])) {
    const choice = asObject(item);
    const message = asObject(choice?.['message'] ?? choice?.['delta']);
    if (choice?.['finish_reason'] === 'content_filter' || isFilled(message?.['refusal'])) return 'refusal';
    if (isFilled(message?.['tool_calls']) || isFilled(message?.['function_call'])) kind = 'tool-call';
  }
  return kind;
}

function responseKind(response: unknown): AnswerKind | undefined {
  const { status, output } = asObject(response) ?? {};
  if (status !== undefined && status !== 'completed') return 'unfinished';
  if (someObject(output, (object) => object['type'] === 'refusal')) return 'refusal';
  const isCall = asList(output).some((item) => String(asObject(item)?.['type']).endsWith('_call'));
  return isCall ? 'tool-call' : undefined;
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isSet(value) && value !== '';
}
