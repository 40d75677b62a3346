import {
  changeHeaders,
  ALTERNATIVES,
  type ApiRequest,
  classify,
  type Clock,
  type Context,
  type Endpoint,
  followAttempt,
  type InspectedRow,
  type Next,
  PipelineError,
  type PluginInstance,
  type Random,
  type RoutingDecision,
  type Transport,
} from '@sluice/core';
import { conversationOf } from './affinity.ts';
import { type Choice, Chooser } from './choose.ts';
import { Checks } from './checks.ts';
import { refuseOwnEcho, withCredential } from './credential.ts';
import { diagnose } from './diagnosis.ts';
import { Ejection } from './ejection.ts';
import { type EndpointHealth, HealthStore } from './endpoint-health.ts';
import type { RegionRoutingSettings } from './options.ts';
import { type Lessons, Passage } from './passage.ts';
import { nowhere, unavailable } from './refusals.ts';
import { allowedFor } from './residency.ts';
import { ALL_MODELS } from './rests.ts';
import { type Dropped, Route } from './route.ts';
import type { SignatureOrigins } from './signature-origins.ts';
import { noteSignatures, signerOf } from './signatures.ts';
import { withModel } from './with-model.ts';

/** What a {@link Router} needs of the pipeline. */
export interface RouterServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly health: EndpointHealth;
  readonly transport: Transport;
  readonly upstream: string;
}

/** How long an endpoint is left alone whose credential could not be had, in milliseconds. */
const NO_CREDENTIAL_MS = 5_000;

/** How long a circuit is taken for open that does not say, in milliseconds. */
const UNSAID_MS = 1_000;

/** A decision, and what became known of it later. */
interface Decision extends RoutingDecision {
  diagnosis?: string;
}

/** The plugin at work. */
export class Router implements PluginInstance {
  readonly start?: () => void;
  readonly close?: () => void;
  readonly #settings: RegionRoutingSettings;
  readonly #services: RouterServices;
  readonly #origins: SignatureOrigins;
  /** By priority, and as they were given. */
  readonly #routes: readonly Route[];
  readonly #chooser: Chooser;
  readonly #lessons: Lessons;
  /** Whether thinking that one endpoint signed may be foreign to another. */
  readonly #severalSigners: boolean;

  constructor(settings: RegionRoutingSettings, services: RouterServices) {
    const { endpoints, ejection, coolDownMs, strategy, checks } = settings;
    const { clock, random } = services;
    const health = HealthStore.of(services.health);
    const now = clock.now();
    const routes = endpoints.map((endpoint) => new Route(endpoint, health, now));
    const states = routes.map(({ state }) => state);
    this.#settings = settings;
    this.#services = services;
    this.#origins = health.origins;
    this.#routes = routes.toSorted((a, b) => a.priority - b.priority);
    this.#chooser = new Chooser(strategy, this.#routes, random);
    this.#lessons = {
      ejection: ejection === false ? undefined : new Ejection(ejection, states, random),
      coolDownMs,
    };
    this.#severalSigners = new Set(routes.map(({ provider }) => provider)).size > 1;
    if (checks === false) return;
    const checker = new Checks(checks, routes, this.#lessons.ejection, services);
    this.start = () => {
      checker.start();
    };
    this.close = () => {
      checker.close();
    };
  }

  async handle(request: ApiRequest, next: Next, ctx: Context): Promise<Response> {
    const { clock } = this.#services;
    const { format, model, streamed } = ctx;
    const notes: Dropped[] = [];
    const permitted = this.#permitted(request, ctx, notes);
    const question = {
      tried: triedBy(ctx),
      model,
      conversation: this.#settings.affinity ? conversationOf(request, ctx) : undefined,
    };
    /** The refusal of whoever may be asked again first. */
    let soonest: PipelineError | undefined;
    for (let left = permitted; ;) {
      const moment = { now: clock.now(), streamed, slowStartMs: this.#settings.slowStartMs };
      const choice = format === undefined ? firstOf(left) : this.#chooser.choose(left, question, moment);
      const { route, reason, dropped } = choice;
      const decision: Decision = { reason, dropped: notes.length === 0 ? dropped : [...notes, ...dropped] };
      const endpoint: Endpoint = { id: route.id, region: route.region, decision };
      ctx.state.set(ALTERNATIVES, choice.alternatives);
      let reached = false;
      try {
        const readdressed = this.#readdressed(request, model, route, endpoint);
        const there = readdressed instanceof Promise ? await readdressed : readdressed;
        reached = true;
        const passage = new Passage(route, ctx, this.#lessons, clock.now());
        const response = await followAttempt(there, next, clock, passage);
        if (response.status > 399) await refuseOwnEcho(response, there, route.credential);
        return this.#plain(response) ? response : await this.#annotated(response, ctx, route, decision);
      } catch (error) {
        const objection = reached
          ? this.#refusedUnsent(error, ctx, route, endpoint)
          : this.#withoutCredential(error, route);
        if (objection === undefined) throw error;
        notes.push(route.dropped(objection));
        if (objection === 'refused') soonest = sooner(soonest, error);
        // What a call of no format asks for is not to be had elsewhere.
        left = format === undefined ? [] : left.filter((other) => other !== route);
        if (left.length > 0) continue;
        // A refusal that says more than that nobody is there is told as it is.
        if (soonest !== undefined) throw soonest;
        throw objection === 'refused' ? error : unavailable(permitted, model, notes, clock.now(), error);
      }
    }
  }

  /** The endpoints as they are now. */
  inspect(): readonly InspectedRow[] {
    const now = this.#services.clock.now();
    return this.#routes.map(({ state }) => {
      const { id, region, available, inFlight, streamedMs, wholeMs, ejectedForMs, rests, diagnosis } =
        state.status(now);
      const [rest] = rests;
      return {
        endpoint: id,
        region,
        state: ejectedForMs > 0 ? 'ejected' : available && rest === undefined ? 'available' : 'resting',
        model: rest?.model,
        reason: rest?.reason ?? diagnosis,
        forMs: ejectedForMs > 0 ? ejectedForMs : rest?.forMs,
        inFlight,
        streamedMs,
        wholeMs,
      };
    });
  }

  /** What residency, format, model, hedging and signatures leave. @throws PipelineError when that is nothing. */
  #permitted(request: ApiRequest, ctx: Context, notes: Dropped[]): readonly Route[] {
    const allowed = allowedFor(request, ctx, this.#settings.allowedRegions);
    const format = ctx.format?.name;
    const permitted: Route[] = [];
    for (const route of this.#routes) {
      if (allowed !== undefined && !allowed.includes(route.region)) notes.push(route.dropped('region'));
      else if (!route.speaks(format)) notes.push(route.dropped('format'));
      else if (!route.serves(ctx.model)) notes.push(route.dropped('model'));
      else if (request.otherThan?.includes(route.id) === true) notes.push(route.dropped('excluded'));
      else permitted.push(route);
    }
    if (permitted.length === 0) throw nowhere(notes);
    if (!this.#severalSigners || permitted.length === 1) return permitted;
    const signer = signerOf(request, ctx, this.#origins);
    const able = permitted.filter(({ provider }) => provider === signer);
    // Where nobody can verify them, the upstream may say so itself: refusing would help nobody.
    if (able.length === 0) return permitted;
    for (const route of permitted) if (route.provider !== signer) notes.push(route.dropped('signature'));
    return able;
  }

  /** The request as the endpoint wants it: its URL, its credential, its name for the model. */
  #readdressed(
    request: ApiRequest,
    model: string | undefined,
    route: Route,
    endpoint: Endpoint,
  ): ApiRequest | Promise<ApiRequest> {
    const url = route.baseUrl + pathBehind(this.#services.upstream, request.url);
    const id = model === undefined ? undefined : route.modelId(model);
    const named = id === undefined || id === model ? request : withModel(request, id);
    return withCredential({ ...named, url, endpoint }, route.credential);
  }

  /** Takes note of a refusal from further in that sent nothing; undefined when it was anything else. */
  #refusedUnsent(error: unknown, ctx: Context, { state }: Route, endpoint: Endpoint): string | undefined {
    const { clock } = this.#services;
    const { otherEndpoint, retryAfterMs = UNSAID_MS } = classify(error, clock);
    if (!otherEndpoint || ctx.history.some((attempt) => attempt.endpoint === endpoint)) return undefined;
    // What else keeps a call from an endpoint (its keys rest, a limit) may be this caller's affair and nobody else's.
    if (!PipelineError.is(error) || error.code !== 'circuit_open') return 'refused';
    state.rests.begin('circuit-open', ctx.model, retryAfterMs, clock.now());
    return 'circuit-open';
  }

  /** Takes note that there is no credential to be had; undefined when the call was aborted meanwhile. */
  #withoutCredential(error: unknown, { state }: Route): string | undefined {
    if (PipelineError.is(error)) return undefined;
    state.rests.begin('credential', ALL_MODELS, NO_CREDENTIAL_MS, this.#services.clock.now());
    return 'credential';
  }

  /** Whether an answer can go on as it is: nearly all can. */
  #plain({ status }: Response): boolean {
    return !this.#severalSigners && !this.#settings.announce && status !== 403;
  }

  async #annotated(given: Response, ctx: Context, route: Route, decision: Decision): Promise<Response> {
    let response = given;
    if (response.status === 403) {
      decision.diagnosis = await diagnose(response);
      route.state.diagnosis = decision.diagnosis;
    }
    if (this.#severalSigners) {
      response = noteSignatures(response, ctx, route.provider, this.#origins);
    }
    if (this.#settings.announce) {
      changeHeaders(response, {
        'x-sluice-endpoint': route.id,
        'x-sluice-region': route.region,
        'x-sluice-diagnosis': decision.diagnosis,
      });
    }
    return response;
  }
}

/**
 * A call of no known format (a file, a batch, a list of models) belongs to one account: what one endpoint keeps, another
 * one does not have. It goes to the first that is permitted, whatever its health.
 */
function firstOf([route]: readonly Route[]): Choice {
  return { route: route as Route, reason: 'first', alternatives: 0, dropped: [] };
}

/** Of two refusals the one that ends first; one that says no end is none. */
function sooner(one: PipelineError | undefined, other: unknown): PipelineError | undefined {
  if (!PipelineError.is(other) || other.retryAfterMs === undefined) return one;
  return one?.retryAfterMs !== undefined && one.retryAfterMs <= other.retryAfterMs ? one : other;
}

/** Ids of endpoints that have had the call, or have it now. */
function triedBy({ history }: Context): readonly string[] | undefined {
  if (history.length === 0) return undefined;
  return history.map(({ endpoint }) => endpoint?.id ?? '');
}

/** The caller's path and query. */
function pathBehind(upstream: string, url: string): string {
  if (url.startsWith(upstream)) return url.slice(upstream.length);
  // A plugin further out has chosen another origin; its path still counts.
  return url.slice(url.indexOf('/', url.indexOf('://') + 3));
}
