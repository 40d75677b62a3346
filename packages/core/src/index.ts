export { type Attempt, type AttemptListener, followAttempt } from './attempt.ts';
export { classify, type Disposition } from './classify.ts';
export { CLOCK, type Clock, type TimerHandle } from './clock.ts';
export type { Context } from './context.ts';
export { guarded } from './diagnostics.ts';
export type { PipelineDescription, PluginDescription } from './describe.ts';
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorFacts,
  PipelineError,
  type PipelineErrorOptions,
} from './errors.ts';
export { anthropicMessages } from './format/anthropic-messages.ts';
export type { EventKind, Format, StreamEnding, TextMapper, TextPart, Usage } from './format/format.ts';
export { openaiChat } from './format/openai-chat.ts';
export { openaiResponses } from './format/openai-responses.ts';
export type { PipelineFetch } from './fetch.ts';
export { hotSwap, type SwappablePipeline } from './hot-swap.ts';
export type { PluginInspection } from './inspect.ts';
export type { JsonLimits } from './json/inspect.ts';
export { jsonNodes } from './json/json-nodes.ts';
export { readJson, withJson } from './json/read-json.ts';
export type { Outcome, OutcomeKind } from './outcome.ts';
export type { PipelineOptions } from './options.ts';
export { createPipeline, type Pipeline } from './pipeline.ts';
export {
  definePlugin,
  type FailurePolicy,
  type InspectedRow,
  type Middleware,
  named,
  type Next,
  type OptionSchema,
  type Plugin,
  type PluginDefinition,
  type PluginFactory,
  type PluginInstance,
  type SchemaIssue,
  type SchemaResult,
  when,
} from './plugin.ts';
export { RANDOM, type Random } from './random.ts';
export type { ApiRequest, Endpoint, InboundRequest, RoutingDecision } from './request.ts';
export { retryAfter } from './retry-after.ts';
export type { RefusedRequest } from './run.ts';
export { provide, type Provision, type ServiceSource } from './services.ts';
export {
  ALLOWED_REGIONS,
  ALTERNATIVES,
  CACHE_STATUS,
  CONTENT_LABEL,
  type ContentLabel,
  KEYED,
  LIMITS,
  PRINCIPAL,
  type Principal,
  type State,
  stateKey,
  type StateKey,
  type Verdict,
  VERDICTS,
} from './state.ts';
export { validateOptions } from './validate-options.ts';
export { watchFile } from './watch-file.ts';
export { TooLate, within } from './within.ts';
export { CREDENTIAL_HEADERS, withoutCredentials } from './without-credentials.ts';
export { isEventStream, observeStream, transformStream } from './stream/attach.ts';
export type { BodySource } from './stream/body.ts';
export { type CommitOptions, holdUntilContent } from './stream/commit.ts';
export type { StreamController, StreamObserver, StreamTransformer } from './stream/hooks.ts';
export { changeHeaders, type HeaderChanges, headerRecord, takeSource } from './stream/lazy-response.ts';
export { mapJsonAnswer } from './stream/map-json-answer.ts';
export { discard, peekJson } from './stream/peek.ts';
export { readFrom, type Wake } from './stream/pull.ts';
export { responseFrom, type ResponseSeed } from './stream/response-from.ts';
export { refuseEcho } from './stream/refuse-echo.ts';
export { refusedAnswer } from './stream/refused-answer.ts';
export { SseEvent } from './stream/sse-event.ts';
export { type Needs, type Resolved, type ServiceRecipe, token, type Token } from './token.ts';
export type { Timeouts } from './transport/timeouts.ts';
export { TRANSPORT, type Transport, UPSTREAM } from './transport/transport.ts';
export { type TransportOptions } from './transport/undici-transport.ts';
