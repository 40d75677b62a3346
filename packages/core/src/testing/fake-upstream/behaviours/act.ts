import type { BehaviourKind, BehaviourOf } from './behaviour.ts';
import type { Exchange } from '../exchange.ts';
import type { PlannedReply } from '../planned-reply.ts';

/** Carries out a behaviour, given the reply that would be the ordinary one. */
export type Act<K extends BehaviourKind> = (
  exchange: Exchange,
  reply: PlannedReply,
  behaviour: BehaviourOf<K>,
) => Promise<void> | void;
