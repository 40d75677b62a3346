export {
  ANTHROPIC_PING,
  type AnthropicAnswer,
  type AnthropicBlock,
  anthropicMessage,
  anthropicStream,
} from './anthropic-wire.ts';
export { type Dialect, errorBody, errorEvent, type ErrorWords } from './error-body.ts';
export { type FakeClock, fakeClock } from './fake-clock.ts';
export { fakeRandom } from './fake-random.ts';
export { type FakeUpstream, fakeUpstream, type FakeUpstreamOptions } from './fake-upstream.ts';
export type { Behaviour, BehaviourTable } from './fake-upstream/behaviours/behaviour.ts';
export type { BehaviourInput, Script } from './fake-upstream/behaviours/choose-behaviour.ts';
export type { RecordedRequest } from './fake-upstream/recorded-request.ts';
export { openaiChat, type OpenaiChatAnswer, openaiChatStream } from './openai-chat-wire.ts';
export {
  openaiResponses,
  type OpenaiResponsesAnswer,
  openaiResponsesStream,
} from './openai-responses-wire.ts';
export { type RawConnection, rawConnection, rawRequest, type RawRequestParts } from './raw-client.ts';
export { type RawResponse, rawResponse } from './raw-response.ts';
export { type ScriptedAnswer, type ScriptedTransport, scriptedTransport } from './scripted-transport.ts';
export { sse, sseEvent } from './sse.ts';
export { type AnswerPiece, streamAnswer, type StreamAnswerOptions } from './stream-answer.ts';
export { type TcpServer, tcpServer } from './tcp-server.ts';
export { type TestPipeline, testPipeline, type TestPipelineOptions } from './test-pipeline.ts';
